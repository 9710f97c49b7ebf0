"""What is known about a tensor on the way through the file.

Every tensor of a binary network is, channel by channel, a function of one integer: of the pixel value, of a bit, or of a popcount.
The function is kept as a table, one float a channel and integer, computed with the file's own float operations; nothing is solved
or approximated, so a threshold read off a table is exact. Where the executor's own sum may be rounded in another order, two more
tables hold the least and the greatest value that it can have. Where the values stand in the tensor is kept apart, as indices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from owlbit.export.limits import LARGEST_MAP
from owlbit.export.network import BinaryConv, BinaryLinear, Bits, Ints, OrPool, Shape
from owlbit.export.qonnx.graph import Array, Node, QonnxError


@dataclass(frozen=True, eq=False)
class PixelSource:
    """The integer is a pixel, 0..255. `colours`: int [C], the image's colour that each channel shows."""

    colours: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SumSource:
    """The integer is a popcount, 0..K, of a layer that is not in the network yet; its thresholds are still to be found.

    `reads`: index of the layer whose bits it counts.
    """

    layer: BinaryConv | BinaryLinear
    reads: int


@dataclass(frozen=True)
class BitSource:
    """The integer is an output bit of a layer in the network. `layer`: its index."""

    layer: int


@dataclass(frozen=True)
class PairSource:
    """The integer, 0..3, is 2 * (bit of the layer `reads`) + (bit of the layer `earlier`), whose gate is still to be found."""

    reads: int
    earlier: int


@dataclass(frozen=True)
class Traced:
    """One tensor.

    `shape`: (C, H, W) of the map that it holds, before `pads`; `order`: int64 in the tensor's own axes (batch 1), the flat index
    `(c*H + h)*W + w` of the map's element at each position; `table`: [C, L], channel c's value for each integer; `source`: what the
    integer is; `pools`: maxima still to be taken over that integer, in order, each an OR-pool or, where it pads, the convolution
    that computes it; `pads`: (top, left, bottom, right) rows and columns of `pad_values` [C] around the map; `levels`: [C, 2], the
    two values that a quantiser gives, of which a channel's table may hold one alone; `low`, `high`: [C, L], bounds of what QONNX's
    executor may find in place of `table`, None where it finds just that.
    """

    shape: Shape
    order: NDArray[np.int64]
    table: Array
    source: PixelSource | SumSource | BitSource | PairSource
    pools: tuple[OrPool | BinaryConv, ...] = ()
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    pad_values: Array | None = None
    levels: Array | None = None
    low: Array | None = None
    high: Array | None = None

    @property
    def tensor_shape(self) -> tuple[int, ...]:
        """The tensor's own shape, pads included."""
        if self.pad_values is None:
            return self.order.shape
        return _padded(self.order, self.shape, self.pads).shape

    @property
    def bit_layer(self) -> int:
        """Index of the layer whose bits these are."""
        assert isinstance(self.source, BitSource)
        return self.source.layer

    def same_integer(self, other: Traced) -> bool:
        """Whether both tensors are functions of the same integer at every position."""
        same = self.source is other.source or (isinstance(self.source, BitSource | PairSource) and self.source == other.source)
        alike = self.pools == other.pools and self.pads == other.pads and (self.pad_values is None) == (other.pad_values is None)
        return same and alike and self.shape == other.shape and np.array_equal(self.order, other.order)


def natural_order(shape: Shape, tensor_shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The order of a tensor that holds the map's elements in C order. Raises QonnxError for a map that is too large."""
    if math.prod(shape) > LARGEST_MAP:
        raise QonnxError(f"expected maps of up to {LARGEST_MAP:,} values, got one of {'x'.join(map(str, shape))}")
    return np.arange(math.prod(shape), dtype=np.int64).reshape(tensor_shape)


def input_tensor(image: Shape, axes: tuple[int, ...], values: Array) -> Traced:
    """The file's input, which holds an image [C, H, W]; `values` [C, 256] by colour and pixel value.

    `axes`: the tensor's own shape, [1, C, H, W], [1, H, W, C], [1, H, W] or [1, F], told apart by their sizes.
    """
    order = natural_order(image, image)
    if len(axes) == 4 and axes[1:] != image:
        order = order.transpose(1, 2, 0)
    return Traced(image, order.reshape(axes), values, PixelSource(np.arange(image[0])))


def map_axes(order: NDArray[np.int64], shape: Shape) -> tuple[int, int, int] | None:
    """The tensor's axes of channels, rows and columns where it is [1, ...] of the map's axes in any order; else None."""
    if order.ndim != 4 or len(order) != 1:
        return None
    for axes in ((1, 2, 3), (3, 1, 2), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 2, 1)):
        if order.transpose(0, *axes).shape == (1, *shape) and _channels(order.transpose(0, *axes), shape) is not None:
            return axes
    return None


def _channels(order: NDArray[np.int64], shape: Shape) -> NDArray[np.int64] | None:
    """int64 [C]: the map's channel at each channel of a tensor [1, C, H, W] otherwise in order; else None."""
    area = shape[1] * shape[2]
    permutation = order[0, :, 0, 0] // area
    plain = np.array_equal(order[0], (permutation[:, None] * area + np.arange(area)).reshape(shape))
    return permutation if plain else None


def channel_order(x: Traced, node: Node) -> NDArray[np.int64]:
    """int64 [C]: the map's channel at each channel of the tensor, which must be [1, C, H, W] otherwise in order."""
    channels, height, width = x.shape
    if x.order.shape == (1, *x.shape) and (permutation := _channels(x.order, x.shape)) is not None:
        return permutation
    raise node.error(
        f"expected a map [1, {channels}, {height}, {width}], got a tensor of shape {list(x.order.shape)} in another order"
    )


def _padded(order: NDArray[np.int64], shape: Shape, pads: Sequence[int]) -> NDArray[np.int64]:
    """The order with -1 where the padding stands."""
    axes = map_axes(order, shape)
    assert axes is not None
    around = [(0, 0)] * 4
    around[axes[1]], around[axes[2]] = (pads[0], pads[2]), (pads[1], pads[3])
    return np.pad(order, around, constant_values=-1)


def padded_order(x: Traced) -> NDArray[np.int64]:
    """int64 in the tensor's own axes, pads included: the flat index of the map's element, -1 for padding."""
    return x.order if x.pad_values is None else _padded(x.order, x.shape, x.pads)


def without_pads(full: NDArray[np.int64], x: Traced) -> NDArray[np.int64] | None:
    """The order of the map inside `full`, `padded_order(x)` moved; None where rows or columns no longer stand as they did."""
    top, left, bottom, right = x.pads
    sizes = (1, x.shape[0], x.shape[1] + top + bottom, x.shape[2] + left + right)
    if full.ndim != 4:
        return None
    for axes in ((1, 2, 3), (3, 1, 2), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 2, 1)):
        moved = full.transpose(0, *axes)
        if moved.shape != sizes:
            continue
        inner = moved[:, :, top : top + x.shape[1], left : left + x.shape[2]]
        order = inner.transpose(np.argsort((0, *axes)))
        if inner.min() >= 0 and _channels(inner, x.shape) is not None and map_axes(order, x.shape) == axes:
            return order
    return None


def permute_channels(x: Traced, permutation: NDArray[np.int64]) -> Traced:
    """The tensor as a map whose channels stand in the tensor's order; the caller shuffles the network's map likewise."""
    given = (x.pad_values, x.levels, x.low, x.high)
    values, levels, low, high = (None if entry is None else entry[permutation] for entry in given)
    order = natural_order(x.shape, (1, *x.shape))
    return replace(x, order=order, table=x.table[permutation], pad_values=values, levels=levels, low=low, high=high)


def per_channel(x: Traced, parameter: Array, node: Node) -> Array:
    """A parameter of an elementwise operator as a column: [C, 1], or a scalar where it has one value."""
    if parameter.size == 1:
        return parameter.reshape(())
    try:
        full = np.broadcast_to(parameter, x.tensor_shape)
    except ValueError:
        message = f"a parameter of shape {list(parameter.shape)} does not fit a tensor of shape {list(x.tensor_shape)}"
        raise node.error(message) from None
    if x.pad_values is not None:
        axes = map_axes(x.order, x.shape)
        assert axes is not None
        values = np.empty((x.shape[0], full.size // x.shape[0]), parameter.dtype)
        permutation = _channels(x.order.transpose(0, *axes), x.shape)
        values[permutation] = full.transpose(0, *axes).reshape(x.shape[0], -1)
    else:
        flat = np.empty(x.order.size, parameter.dtype)
        flat[x.order.ravel()] = full.ravel()
        values = flat.reshape(x.shape[0], -1)
    if (values != values[:, :1]).any():
        raise node.error(
            "expected one parameter a channel, got values that differ from position to position; a network has one threshold per "
            "channel"
        )
    return values[:, :1]


def complemented(bits: Bits, rows: NDArray[np.bool_]) -> Bits:
    """The filters with those of `rows` complemented."""
    return np.where(rows.reshape(-1, *[1] * (bits.ndim - 1)), 1 - bits, bits).astype(np.uint8)


def with_filters(layer: BinaryConv | BinaryLinear, weights: Bits, thresholds: Ints) -> BinaryConv | BinaryLinear:
    """The layer with other weights and thresholds."""
    return replace(layer, weights=weights, thresholds=thresholds)


def reverse_tables(x: Traced, rows: NDArray[np.bool_]) -> Traced:
    """The same values by the integer counted from the other end, in the channels `rows`."""
    tables = (None if entry is None else np.where(rows[:, None], entry[:, ::-1], entry) for entry in (x.table, x.low, x.high))
    table, low, high = tables
    assert table is not None
    return replace(x, table=table, low=low, high=high)


def reverse_rows(x: Traced, rows: NDArray[np.bool_]) -> Traced:
    """The same values from complemented filters: popcount p of a filter is K - p of its complement. For an unpooled SumSource."""
    assert isinstance(x.source, SumSource) and not x.pools
    layer = x.source.layer
    layer = with_filters(layer, complemented(layer.weights, rows), layer.thresholds)
    return replace(reverse_tables(x, rows), source=replace(x.source, layer=layer))
