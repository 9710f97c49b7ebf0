"""What stock FINN lacks for grouped, fully binarised networks: one QONNX transformation a file, none of which imports FINN."""
