"""QONNX files: written, executed, and read into the integer Network; see `read` for the order of the steps."""
