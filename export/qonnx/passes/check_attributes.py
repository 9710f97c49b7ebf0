"""Pass: refuse attributes of another type than their operator has, so that the lowering reads only what it expects."""

from __future__ import annotations

from typing import Any

from owlbit.export.qonnx.graph import Graph, Node

_INTEGERS = ("kernel_shape", "strides", "pads", "dilations", "perm")
_INTEGER = (
    *("group", "axis", "start", "end", "allowzero", "ceil_mode", "training_mode", "largest", "select_last_index"),
    *("transA", "transB", "signed", "narrow"),
)
_NUMBER = ("alpha", "beta", "epsilon", "out_scale", "out_bias")
_TEXT = ("auto_pad", "mode", "data_layout", "rounding_mode")
# Windows lie in rows and columns; what else has attributes of these names is not lowered here.
_WINDOWED = ("Conv", "MaxPool")
_PAIRS = ("strides", "dilations")


def check_attributes(graph: Graph) -> Graph:
    """The graph as it is. Raises QonnxError naming the node whose attribute is no value of the operator's type."""
    for node in graph.nodes:
        for key, value in node.attributes.items():
            _check(node, key, value)
    return graph


def _check(node: Node, key: str, value: Any) -> None:
    if key in _INTEGERS:
        right, expected = isinstance(value, list) and all(isinstance(entry, int) for entry in value), "integers"
    elif key in _INTEGER:
        right, expected = isinstance(value, int), "an integer"
    elif key in _NUMBER or (key == "value" and node.kind == "Pad"):
        right, expected = isinstance(value, float), "a number"  # an integer there is 0 to other tools
    elif key in _TEXT:
        right, expected = isinstance(value, str), "a text"
    else:
        return
    if right and node.kind in _WINDOWED and key in _PAIRS:
        right, expected = len(value) == 2, "one value for rows and one for columns"
    if not right:
        raise node.error(f"its attribute {key}: expected {expected}, got {value!r}; the file is damaged, export the model again")
