"""Graph to graph: every spelling of an operation becomes one. `owlbit.export.qonnx.read` has the order."""
