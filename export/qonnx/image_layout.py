"""Which of a file's input axes are channels, rows and columns."""

from __future__ import annotations

import math

from owlbit.export.network import Shape
from owlbit.export.qonnx.graph import Graph, QonnxError

_COLOURS = (1, 3, 4)
_TO_CHANNELS_FIRST = [0, 3, 1, 2]
# Operators between the input and the transposition that tells its layout: they act on every value alone, or pad.
_KEEP_AXES = (
    *("Add", "Sub", "Mul", "Div", "Neg", "Abs", "Clip", "Relu", "Sign", "Cast", "Where", "Equal", "Greater", "GreaterOrEqual"),
    *("Less", "LessOrEqual", "Max", "Min", "Pad", "Quant", "IntQuant", "BipolarQuant", "MultiThreshold", "BatchNormalization"),
    *("Round", "Floor", "Ceil"),
)


def image_layouts(graph: Graph, wanted: Shape | None, given: bool) -> list[Shape]:
    """The shapes (C, H, W) that the file's input may have as an image, likeliest first.

    `wanted`: the shape that the user or the metadata names; `given`: by the user. Raises QonnxError where that cannot be.
    """
    axes = graph.input_shape
    found = _layouts(graph, axes)
    if wanted is None:
        return found
    if math.prod(wanted) == math.prod(axes) if len(axes) == 2 else wanted in found:
        return [wanted]
    if not given:
        return found
    choices = f"any of {math.prod(axes):,} values" if len(axes) == 2 else " or ".join("x".join(map(str, each)) for each in found)
    raise QonnxError(f"input {graph.input_name}: expected an image shape of {choices}, got {'x'.join(map(str, wanted))}")


def _layouts(graph: Graph, axes: tuple[int, ...]) -> list[Shape]:
    if len(axes) == 2:
        return [(axes[1], 1, 1)]
    if len(axes) == 3:
        return [(1, axes[1], axes[2])]
    first, last = (axes[1], axes[2], axes[3]), (axes[3], axes[1], axes[2])
    if _is_transposed(graph):
        return [last]
    if axes[3] in _COLOURS and axes[1] not in _COLOURS and axes[2] > 1:
        return [last, first]
    return [first]


def _is_transposed(graph: Graph) -> bool:
    """Whether the input is brought from [N, H, W, C] into [N, C, H, W] before anything else looks at its axes."""
    reached = {graph.input_name}
    for node in graph.nodes:
        if not reached.intersection(node.inputs):
            continue
        if node.kind == "Transpose":
            return bool(node.attributes.get("perm") == _TO_CHANNELS_FIRST)
        if node.kind not in _KEEP_AXES:
            return False
        reached.update(node.outputs)
    return False
