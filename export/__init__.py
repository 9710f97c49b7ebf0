"""The contract between training and hardware: QONNX files, and the integer Network that every target starts from."""
