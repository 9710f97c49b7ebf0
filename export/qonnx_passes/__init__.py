"""The steps from a QONNX file to a `Network`: first every spelling is made one, then the graph is lowered to layers. See `read_qonnx`."""
