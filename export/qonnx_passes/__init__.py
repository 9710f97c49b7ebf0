"""The steps from a QONNX file to a `Network`: spellings are made one, then the graph is lowered to layers. See `read_qonnx`."""
