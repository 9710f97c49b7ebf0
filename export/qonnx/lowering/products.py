"""Lowering of convolutions and matrix products: bits and +-1 weights to popcounts.

With bits of values v = middle + half * (+-1) and weights w = +-size, a filter's sum is `size * half * (2*popcount - K)` plus the
constant `sum(w * middle)`. {-1, +1} data has middle 0; {0, 1} data has middle 1/2 and may be padded with zeros. The sum is computed
here as if in real numbers and rounded once. The executor's float32 sum is the same, in whatever order it adds, where all partial
sums are multiples of one power of two that float32 holds (`sum_errors`); elsewhere the table has bounds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, BinaryLinear, Bits, NetworkError
from owlbit.export.qonnx.graph import Array, Node
from owlbit.export.qonnx.lowering.arrange import shuffle_channels
from owlbit.export.qonnx.lowering.emit import Building
from owlbit.export.qonnx.lowering.rounding import FLOAT_MAX, sum_errors
from owlbit.export.qonnx.lowering.traced import PixelSource, SumSource, Traced, channel_order, natural_order, permute_channels
from owlbit.export.qonnx.lowering.windows import take_padding, window_pads


class Tables(NamedTuple):
    """Values [filters, K+1] by popcount, and the least and greatest that the executor may find; None where it finds just these."""

    middle: Array
    low: Array | None
    high: Array | None


def lower_conv(building: Building, node: Node, inputs: list[Traced | Array | None]) -> Traced:
    """Conv in two dimensions. On pixels only copies are supported: 1x1, one group a colour, as a thermometer has them."""
    x, weights = _operands(node, inputs)
    if weights.ndim != 4 or len(x.order.shape) != 4:
        raise node.error(f"expected a two-dimensional convolution, got weights of shape {list(weights.shape)}")
    if tuple(node.attributes.get("kernel_shape", weights.shape[2:])) != weights.shape[2:]:
        raise node.error(f"kernel_shape {node.attributes['kernel_shape']} does not fit weights of shape {list(weights.shape)}")
    groups = int(node.attributes.get("group", 1))
    strides = tuple(node.attributes.get("strides", (1, 1)))
    if any(dilation != 1 for dilation in node.attributes.get("dilations", ())):
        raise node.error("is dilated, which is not supported")
    pads = window_pads(node, x, weights.shape[2:], strides)
    plain = weights[0].size == 1 and strides == (1, 1) and not any(pads) and x.pad_values is None
    if isinstance(x.source, PixelSource) and plain and groups == x.shape[0] and not building.nearly_bits(x):
        return _copy_pixels(node, x, weights)
    x = shuffle_channels(building, node, building.as_bits(x, node))
    x, pads = take_padding(building, node, x, pads)
    building.check_line(x.bit_layer, node)
    if groups < 1 or weights.shape[1] * groups != x.shape[0] or len(weights) % groups:
        raise node.error(f"weights {list(weights.shape)} in {groups} groups do not fit {x.shape[0]} channels")
    group_of = np.arange(len(weights)) // (len(weights) // groups)
    values = x.table.astype(np.float64).reshape(groups, weights.shape[1], 2)[group_of][:, :, None, None, :]
    bits, tables = _popcount_table(node, weights, values, _spread(x))
    try:
        layer = BinaryConv(bits, np.zeros(len(bits), np.int32), groups, (strides[0], strides[1]), pads)
        shape = layer.output_shape(x.shape)
    except NetworkError as error:
        raise node.error(str(error)) from None
    made = Traced(shape, natural_order(shape, (1, *shape)), tables.middle, SumSource(layer, x.bit_layer))
    return replace(made, low=tables.low, high=tables.high)


def lower_matmul(building: Building, node: Node, inputs: list[Traced | Array | None]) -> Traced:
    """MatMul of [1, F] and constant weights [F, features]. The features may stand in any order: the weights follow it."""
    x, weights = _operands(node, inputs)
    if x.pad_values is not None or weights.ndim != 2 or x.order.size != len(weights) or x.order.shape[-1] != len(weights):
        raise node.error(f"weights {list(weights.shape)} do not fit a tensor of shape {list(x.tensor_shape)}; expected [1, F]")
    x = building.as_bits(x, node)
    building.check_line(x.bit_layer, node)
    rows = np.empty_like(weights)
    rows[x.order.ravel()] = weights
    channel = np.arange(len(rows)) // (x.shape[1] * x.shape[2])
    bits, tables = _popcount_table(node, rows.T, x.table.astype(np.float64)[channel][None], _spread(x))
    shape = (len(bits), 1, 1)
    source = SumSource(BinaryLinear(bits, np.zeros(len(bits), np.int32)), x.bit_layer)
    made = Traced(shape, natural_order(shape, (*x.order.shape[:-1], len(bits))), tables.middle, source)
    return replace(made, low=tables.low, high=tables.high)


def _spread(x: Traced) -> float:
    """How far the executor's inputs may lie from the two values of the table."""
    return 0.0 if x.high is None else float(np.abs(x.high - x.table).max())


def _operands(node: Node, inputs: list[Traced | Array | None]) -> tuple[Traced, Array]:
    if len(inputs) != 2 or not isinstance(inputs[0], Traced) or not isinstance(inputs[1], np.ndarray):
        raise node.error("expected a tensor times constant weights")
    return inputs[0], inputs[1]


def _popcount_table(node: Node, weights: Array, values: NDArray[np.float64], spread: float) -> tuple[Bits, Tables]:
    """Weight bits, and the float32 sums [filters, K+1] by popcount, with their bounds.

    `values` [..., 2]: the two values of each weight's input; `spread`: how far from them the executor's may lie. A filter of zeros
    has the sum 0 for every popcount, and weight bits without meaning. Raises QonnxError where float32 cannot hold the sums.
    """
    low, high = values[..., 0], values[..., 1]
    half, middle = (high - low) / 2, (high + low) / 2
    products = (weights.astype(np.float64) * half).reshape(len(weights), -1)
    sizes = np.abs(products)
    used = np.abs(weights.reshape(len(weights), -1)).any(axis=1)
    if (sizes != sizes[:, :1]).any() or not sizes[used].all():
        flat = np.abs(weights.reshape(len(weights), -1))
        if (flat != flat[:, :1]).any() or not flat[used].all():
            raise node.error(f"expected weights of -1 and +1 (or one scale a filter), got {_some(weights)}")
        raise node.error(
            "expected inputs of one scale, got channels of different scales or constant ones; scale before the threshold"
        )
    fan_in = products.shape[1]
    offset = (weights * middle).reshape(len(weights), -1).sum(axis=1)
    table = sizes[:, :1] * (2 * np.arange(fan_in + 1) - fan_in) + offset[:, None]
    largest = (np.abs(weights) * np.maximum(np.abs(low), np.abs(high))).reshape(len(weights), -1)
    if largest.sum(axis=1).max() > FLOAT_MAX:
        raise node.error(f"its sums overflow float32: {fan_in} products of up to {largest.max():g}; scale the weights down")
    error = sum_errors(weights, values, table, spread)
    rounded = table.astype(np.float32)
    bits = np.where(used.reshape(-1, 1), products > 0, True).reshape(weights.shape).astype(np.uint8)
    if not error.any():
        return bits, Tables(rounded, None, None)
    low = np.nextafter((table - error).astype(np.float32), np.float32(-np.inf))
    high = np.nextafter((table + error).astype(np.float32), np.float32(np.inf))
    return bits, Tables(rounded, np.where(error > 0, low, rounded), np.where(error > 0, high, rounded))


def _some(weights: Array) -> str:
    values = np.unique(weights)
    return ", ".join(f"{value:g}" for value in values[:4]) + (", ..." if values.size > 4 else "")


def _copy_pixels(node: Node, x: Traced, weights: Array) -> Traced:
    """Each colour times a few factors."""
    assert isinstance(x.source, PixelSource)
    permutation = channel_order(x, node)
    copies = len(weights) // x.shape[0]
    if len(weights) % x.shape[0]:
        raise node.error(f"weights {list(weights.shape)} do not fit {x.shape[0]} channels")
    colours = np.repeat(x.source.colours[permutation], copies)
    x = permute_channels(x, permutation)
    shape = (len(weights), *x.shape[1:])
    table = (np.repeat(x.table, copies, axis=0) * weights.reshape(-1, 1)).astype(np.float32)
    values = None if x.pad_values is None else np.repeat(x.pad_values, copies) * weights.reshape(-1)
    order = natural_order((shape[0], shape[1], shape[2]), (1, *shape))
    return replace(
        x, shape=(shape[0], shape[1], shape[2]), order=order, table=table, source=PixelSource(colours), pad_values=values
    )
