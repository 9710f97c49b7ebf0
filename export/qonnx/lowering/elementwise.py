"""Lowering of the operators that act on every value alone: arithmetic, normalisation, and the quantisers that make bits.

Each is evaluated, by `evaluate_node`, on the tensor's table instead of on the tensor.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from owlbit.export.limits import LARGEST_PAD
from owlbit.export.qonnx.graph import SUMMED, Array, Node
from owlbit.export.qonnx.lowering.emit import Building
from owlbit.export.qonnx.lowering.evaluate_node import batch_normalization, bipolar_quant, evaluate_node, multi_threshold, quant
from owlbit.export.qonnx.lowering.join import join_tensors
from owlbit.export.qonnx.lowering.traced import BitSource, PixelSource, SumSource, Traced, map_axes, per_channel

ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Pow", "Neg", "Abs", "Sqrt", "Reciprocal", "Exp", "Log", "Tanh", "Sigmoid", "Erf")
STEPS = ("Sign", "Clip", "Relu", "LeakyRelu", "PRelu", "HardSigmoid", "Max", "Min", "Round", "Floor", "Ceil", "Cast")
COMPARISONS = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "And", "Or", "Xor", "Where")

# ONNX Runtime multiplies so many rows of the weights before it adds the product to the bias.
PRODUCT_BLOCK = 128

_Input = Traced | Array | None


def lower_elementwise(building: Building, node: Node, inputs: list[_Input], opset: int) -> Traced:
    """Any of the operators above, of constants and tensors: functions of one integer, or two maps of bits that can be joined.

    Raises QonnxError for NaN, and for an input left out that is not optional.
    """
    tensors = {id(entry): entry for entry in inputs if isinstance(entry, Traced)}
    first, *others = tensors.values()

    def evaluate(x: Traced, columns: list[Array]) -> Traced:
        """The operator on `columns` in place of the tensors, which are functions of the integer of `x`."""
        by_tensor = dict(zip(tensors, columns, strict=True))
        arrays = [
            by_tensor[id(entry)] if isinstance(entry, Traced) else None if entry is None else per_channel(x, entry, node)
            for entry in inputs
        ]
        made = _with_columns(x, evaluate_node(node, arrays, opset)[0], node)
        return _with_bias(x, made, arrays, node) if SUMMED in node.attributes else made

    if not others:
        x = _broadcast(first, [entry for entry in inputs if isinstance(entry, np.ndarray)], node)
        return evaluate(x, [_columns(x)])
    if all(first.same_integer(other) for other in others):
        unsure = any(tensor.low is not None for tensor in tensors.values())
        x = replace(first, levels=None)
        x = replace(x, low=x.table, high=x.table) if unsure and x.low is None else x
        made = evaluate(x, [_columns(replace(tensor, levels=None), unsure) for tensor in tensors.values()])
        # A map of bits may be joined with itself by a gate, which then always gives the same.
        gate = isinstance(first.source, BitSource) and node.kind in ("Mul", "Max", "Min") and len(tensors) == 2
        if not gate or (made.table[:, 0] != made.table[:, 1]).all():
            return made
    return evaluate(*join_tensors(building, node, list(tensors.values())))


def _with_bias(x: Traced, made: Traced, arrays: list[Array | None], node: Node) -> Traced:
    """A sum with the bias of its product, which the executor may add between two blocks of products: with bounds if that rounds."""
    bias = next((entry for entry in arrays if entry is not None and entry.size <= x.shape[0]), None)
    if bias is None or (node.attributes[SUMMED] == "Conv" and bias.size != x.shape[0]):
        raise node.error(f"expected a bias of one value for each of {x.shape[0]} filters, got {0 if bias is None else bias.size}")
    if not isinstance(x.source, SumSource):
        return made
    blocks = x.source.layer.fan_in // PRODUCT_BLOCK
    exact = x.table.astype(np.float64) + bias == made.table
    if exact.all() or not blocks:
        return made
    error = (
        2.0**-24 * (blocks + 1) * (np.abs(x.table).max(axis=1, keepdims=True) + np.abs(bias)) * ~exact.all(axis=1, keepdims=True)
    )
    low, high = (made.table if entry is None else entry for entry in (made.low, made.high))
    return replace(made, low=(low - error).astype(np.float32), high=(high + error).astype(np.float32))


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
    """MultiThreshold: with one threshold per channel it makes bits; with more it only counts."""
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


def lower_pad(node: Node, inputs: list[Traced | Array | None]) -> Traced:
    """Pad of rows and columns with one constant, in whatever axes they stand; a convolution or pool behind it takes it in."""
    x = inputs[0]
    # Before version 11 of the operator pads and value are attributes.
    pads = np.asarray(node.attributes["pads"]) if "pads" in node.attributes else inputs[1] if len(inputs) > 1 else None
    value = inputs[2] if len(inputs) > 2 and inputs[2] is not None else np.float32(node.attributes.get("value", 0.0))
    axes = inputs[3] if len(inputs) > 3 else None
    if not isinstance(x, Traced) or not isinstance(pads, np.ndarray) or isinstance(value, Traced) or np.size(value) != 1:
        raise node.error("expected constant pads and a constant value")
    if node.attributes.get("mode", "constant") != "constant":
        raise node.error(f"expected the mode constant, got {node.attributes['mode']}")
    rank = len(x.order.shape)
    along = np.arange(rank) if axes is None else np.asarray(axes).reshape(-1).astype(np.int64) % rank
    if pads.size != 2 * along.size or np.unique(along).size != along.size:
        raise node.error(f"expected two pads for each of {along.size} axes, got {pads.tolist()}")
    if not pads.any():
        return x
    around = np.zeros((2, rank), np.int64)
    around[:, along] = pads.reshape(2, -1)
    places = map_axes(x.order, x.shape)
    others = [axis for axis in range(rank) if places is None or axis not in places[1:]]
    if (
        places is None
        or around[:, others].any()
        or not 0 <= around.min() <= around.max() <= LARGEST_PAD
        or x.pad_values is not None
    ):
        raise node.error(f"expected one padding of rows and columns of a map [1, C, H, W], got {pads.tolist()}")
    (top, bottom), (left, right) = (around[:, axis].tolist() for axis in places[1:])
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


def _columns(x: Traced, unsure: bool = False) -> Array:
    """The table, and as more columns the padding's value, the quantiser's values, and the bounds of what the executor may find.

    `unsure`: with bounds in any case.
    """
    parts = [x.table]
    if x.pad_values is not None:
        parts.append(x.pad_values[:, None])
    if x.levels is not None:
        parts.append(x.levels)
    if x.low is not None and x.high is not None:
        parts += [x.low, x.high]
    elif unsure:
        parts += [x.table, x.table]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _with_columns(x: Traced, columns: Array, node: Node) -> Traced:
    """The tensor that holds `columns` as `_columns` had them of `x`."""
    if columns.dtype.kind == "f" and np.isnan(columns).any():
        raise node.error("gives NaN (a negative variance, or a division of zero by zero); expected numbers")
    columns = np.broadcast_to(columns, (x.shape[0], columns.shape[1]))
    entries = x.table.shape[1]
    table, rest = columns[:, :entries], columns[:, entries:]
    values = levels = low = high = None
    if x.pad_values is not None:
        values, rest = rest[:, 0], rest[:, 1:]
    if x.levels is not None:
        levels, rest = rest[:, :2], rest[:, 2:]
    if x.low is not None:
        ends = np.stack([table, rest[:, :entries], rest[:, entries:]])
        low, high = ends.min(axis=0), ends.max(axis=0)
        if np.array_equal(low, high):
            low = high = None
    return replace(x, table=table, pad_values=values, levels=levels, low=low, high=high)


def _quantised(building: Building, x: Traced, columns: Array, low: Array, high: Array, node: Node) -> Traced:
    """Bits of a table that holds `low` and `high` (scalars, or a column a channel) only."""
    lows, highs = (np.broadcast_to(np.asarray(entry).reshape(-1), x.shape[:1]) for entry in (low, high))
    made = replace(_with_columns(x, columns, node), levels=np.stack([lows, highs], axis=1))
    return made if building.stays_open(x) else building.as_bits(made, node)


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
    given = (x.table, x.levels, x.low, x.high)
    table, levels, low, high = (None if entry is None else np.repeat(entry, copies, axis=0) for entry in given)
    assert table is not None
    shape = (channels * copies, height, width)
    return replace(x, shape=shape, order=order, table=table, source=source, levels=levels, low=low, high=high)
