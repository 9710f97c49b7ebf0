"""Lowering of the operators that act on every value alone: arithmetic, normalisation, and the quantisers that make bits.

Each is evaluated, by `evaluate_node`, on the tensor's table instead of on the tensor.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from owlbit.export.qonnx.graph import Array, Node
from owlbit.export.qonnx.lowering.emit import Building
from owlbit.export.qonnx.lowering.evaluate_node import batch_normalization, bipolar_quant, evaluate_node, multi_threshold, quant
from owlbit.export.qonnx.lowering.join import join_tensors
from owlbit.export.qonnx.lowering.traced import PixelSource, Traced, channel_order, per_channel

ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Pow", "Neg", "Abs", "Sqrt", "Reciprocal", "Exp", "Log", "Tanh", "Sigmoid", "Erf")
STEPS = ("Sign", "Clip", "Relu", "LeakyRelu", "PRelu", "HardSigmoid", "Max", "Min", "Round", "Floor", "Ceil", "Cast")
COMPARISONS = ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "And", "Or", "Xor", "Where")

_Input = Traced | Array | None


def lower_elementwise(building: Building, node: Node, inputs: list[_Input], opset: int) -> Traced:
    """Any of the operators above, of constants and one tensor, or two that can be joined. Raises QonnxError for NaN."""
    tensors = {id(entry): entry for entry in inputs if isinstance(entry, Traced)}
    if len(tensors) > 1:
        x, tables = join_tensors(building, node, list(tensors.values()))
        columns = dict(zip(tensors, tables, strict=True))
    else:
        (x,) = tensors.values()
        x = _broadcast(x, [entry for entry in inputs if isinstance(entry, np.ndarray)], node)
        columns = dict.fromkeys(tensors, _columns(x))
    arrays = [
        columns[id(entry)] if isinstance(entry, Traced) else None if entry is None else per_channel(x, entry, node)
        for entry in inputs
    ]
    return _with_columns(x, evaluate_node(node, arrays, opset)[0], node)


def lower_batch_normalization(node: Node, inputs: list[_Input]) -> Traced:
    """BatchNormalization with constant parameters, in inference mode."""
    x, *given = inputs
    if not isinstance(x, Traced) or not all(isinstance(entry, np.ndarray) for entry in given) or len(given) != 4:
        raise node.error("expected constant scale, bias, mean and variance")
    if node.attributes.get("training_mode", 0):
        raise node.error("expected inference mode, got training mode; export the model in evaluation mode")
    axes = (-1, *[1] * (len(x.tensor_shape) - 2))
    scale, bias, mean, variance = (per_channel(x, np.asarray(entry).reshape(axes), node) for entry in given)
    with np.errstate(all="ignore"):
        table = batch_normalization(_columns(x), scale, bias, mean, variance, node.attributes.get("epsilon", 1e-5))
    return _with_columns(x, table, node)


def lower_bipolar_quant(building: Building, node: Node, inputs: list[_Input]) -> Traced:
    """BipolarQuant: +scale where x >= 0, -scale elsewhere."""
    x, scale = _data_and_constants(node, inputs, 1)
    factor = per_channel(x, scale[0], node)
    if not (factor > 0).all():
        raise node.error(f"expected a positive scale, got {float(factor.min())}")
    return _quantised(building, x, bipolar_quant(node, _columns(x), factor), -factor, factor, node)


def lower_quant(building: Building, node: Node, inputs: list[_Input]) -> Traced:
    """Quant: with 1 bit it makes bits (signed: -1 and +1; unsigned: 0 and 1); with more it only rounds."""
    x, constants = _data_and_constants(node, inputs, 3)
    scale, zero = (per_channel(x, entry, node) for entry in constants[:2])
    if not (scale > 0).all():
        raise node.error(f"expected a positive scale, got {float(scale.min())}")
    table = quant(node, _columns(x), scale, zero, constants[2])
    if float(constants[2].reshape(-1)[0]) != 1:
        return _with_columns(x, table, node)
    steps = (-1.0, 1.0) if node.attributes.get("signed", 1) else (0.0, 1.0)
    low, high = (np.asarray((np.float32(step) - zero) * scale, np.float32) for step in steps)
    return _quantised(building, x, table, low, high, node)


def lower_multi_threshold(building: Building, node: Node, inputs: list[_Input]) -> Traced:
    """MultiThreshold: with one threshold a channel it makes bits; with more it only counts."""
    x, (thresholds,) = _data_and_constants(node, inputs, 1)
    axis = _channel_axis(node, len(x.tensor_shape))
    if thresholds.ndim != 2 or thresholds.shape[0] not in (1, x.tensor_shape[axis]):
        raise node.error(f"expected thresholds [{x.tensor_shape[axis]}, steps], got shape {list(thresholds.shape)}")
    axes = [1] * len(x.tensor_shape)
    axes[axis] = -1
    steps = [np.broadcast_to(per_channel(x, step.reshape(axes), node), (x.shape[0], 1)) for step in thresholds.T]
    table = multi_threshold(node, _columns(x), np.concatenate(steps, axis=1))
    if len(steps) > 1:
        return _with_columns(x, table, node)
    zero_one = multi_threshold(node, np.array([[-np.inf, np.inf]], np.float32), np.zeros((1, 1), np.float32))[0]
    return _quantised(building, x, table, zero_one[0], zero_one[1], node)


def lower_pad(node: Node, inputs: list[_Input]) -> Traced:
    """Pad of rows and columns with one constant; a convolution behind it takes the padding in."""
    x = inputs[0]
    # Before version 11 of the operators pads and value are attributes.
    pads = np.asarray(node.attributes["pads"]) if "pads" in node.attributes else inputs[1]
    value = inputs[2] if len(inputs) > 2 and inputs[2] is not None else np.float32(node.attributes.get("value", 0.0))
    if (
        not isinstance(x, Traced)
        or not isinstance(pads, np.ndarray)
        or isinstance(value, Traced)
        or np.size(value) != 1
        or len(inputs) > 3
    ):
        raise node.error("expected constant pads and a constant value for all axes")
    if node.attributes.get("mode", "constant") != "constant":
        raise node.error(f"expected the mode constant, got {node.attributes['mode']}")
    if not pads.any():
        return x
    if len(x.order.shape) != 4 or pads.shape != (8,) or pads[[0, 1, 4, 5]].any() or pads.min() < 0 or x.pad_values is not None:
        raise node.error(f"expected one padding of rows and columns of a map [1, C, H, W], got {pads.tolist()}")
    top, left, bottom, right = (int(pads[index]) for index in (2, 3, 6, 7))
    channel_order(x, node)
    values = np.full(x.shape[0], np.asarray(value).reshape(()), x.table.dtype)
    return replace(x, pads=(top, left, bottom, right), pad_values=values)


def _data_and_constants(node: Node, inputs: list[_Input], count: int) -> tuple[Traced, list[Array]]:
    x, *given = inputs
    constants = [entry for entry in given if isinstance(entry, np.ndarray)]
    if not isinstance(x, Traced) or len(constants) != count or len(given) != count:
        raise node.error(f"expected a tensor and {count} constants")
    return x, constants


def _channel_axis(node: Node, rank: int) -> int:
    layout = node.attributes.get("data_layout", "") or {2: "NC", 3: "NWC", 4: "NCHW"}.get(rank, "")
    return layout.index("C") if "C" in layout else 1


def _columns(x: Traced) -> Array:
    """The table, and the padding's value as one more column."""
    return x.table if x.pad_values is None else np.concatenate([x.table, x.pad_values[:, None]], axis=1)


def _with_columns(x: Traced, columns: Array, node: Node) -> Traced:
    if columns.dtype.kind == "f" and np.isnan(columns).any():
        raise node.error("gives NaN (a negative variance, or a division of zero by zero); expected numbers")
    columns = np.broadcast_to(columns, (x.shape[0], columns.shape[1]))
    if x.pad_values is None:
        return replace(x, table=columns)
    return replace(x, table=columns[:, :-1], pad_values=columns[:, -1])


def _quantised(building: Building, x: Traced, columns: Array, low: Array, high: Array, node: Node) -> Traced:
    """Bits of a table that holds `low` and `high` (scalars, or a column a channel) only."""
    lows, highs = (np.broadcast_to(np.asarray(entry).reshape(-1), x.shape[:1]) for entry in (low, high))
    fired = columns == highs[:, None]
    pad_fired = None
    if x.pad_values is not None:
        fired, pad_fired = fired[:, :-1], fired[:, -1]
    return building.make_bits(x, fired, lows, highs, pad_fired, node)


def _broadcast(x: Traced, constants: list[Array], node: Node) -> Traced:
    """The tensor in the shape that the operator gives it. Pixels may be repeated, as in `image[:, :, None] - thresholds`."""
    shape = x.tensor_shape
    try:
        wanted = np.broadcast_shapes(
            shape, *(constant.shape for constant in constants if constant.size > 1 or constant.ndim > len(shape))
        )
    except ValueError:
        raise node.error(
            f"parameters of shapes {[list(c.shape) for c in constants]} do not fit a tensor of shape {list(shape)}"
        ) from None
    if wanted == shape:
        return x
    if np.prod(wanted) == x.order.size:
        return replace(x, order=x.order.reshape(wanted))
    if not isinstance(x.source, PixelSource) or x.pad_values is not None:
        raise node.error(f"repeats a tensor of shape {list(shape)} as {list(wanted)}, which is supported for the image only")
    channels, height, width = x.shape
    order = np.broadcast_to(x.order.reshape((1,) * (len(wanted) - len(shape)) + shape), wanted)
    copies = order.size // x.order.size
    # The k-th time that an index occurs, in the tensor's order, is its k-th copy.
    by_index = np.argsort(order, axis=None, kind="stable")
    copy = np.empty(order.size, np.int64)
    copy[by_index] = np.tile(np.arange(copies), x.order.size)
    channel, place = np.divmod(order, height * width)
    order = (channel * copies + copy.reshape(wanted)) * (height * width) + place
    source = PixelSource(np.repeat(x.source.colours, copies))
    return replace(
        x, shape=(channels * copies, height, width), order=order, table=np.repeat(x.table, copies, axis=0), source=source
    )
