"""What is known about a tensor on the way through the file.

Every tensor of a binary network is, channel by channel, a function of one integer: of the pixel value, of a bit, or of a popcount.
The function is kept as a table, one float a channel and integer, computed with the file's own float operations; nothing is solved
or approximated, so a threshold read off a table is exact. Where the values stand in the tensor is kept apart, as indices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, BinaryLinear, Bits, Ints, OrPool, Shape
from owlbit.export.qonnx.graph import Array, Node


@dataclass(frozen=True)
class PixelSource:
    """The integer is a pixel, 0..255. `colours`: int [C], the image's colour that each channel shows."""

    colours: NDArray[np.int64]


@dataclass(frozen=True)
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
    integer is; `pools`: maxima still to be taken over that integer, in order; `pads`: (top, left, bottom, right) rows and columns
    of `pad_values` [C] around the map.
    """

    shape: Shape
    order: NDArray[np.int64]
    table: Array
    source: PixelSource | SumSource | BitSource | PairSource
    pools: tuple[OrPool, ...] = ()
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    pad_values: Array | None = None

    @property
    def tensor_shape(self) -> tuple[int, ...]:
        """The tensor's own shape, pads included."""
        if self.pad_values is None:
            return self.order.shape
        top, left, bottom, right = self.pads
        channels, height, width = self.shape
        return 1, channels, height + top + bottom, width + left + right

    @property
    def bit_layer(self) -> int:
        """Index of the layer whose bits these are."""
        assert isinstance(self.source, BitSource)
        return self.source.layer


def natural_order(shape: Shape, tensor_shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The order of a tensor that holds the map's elements in C order."""
    return np.arange(math.prod(shape), dtype=np.int64).reshape(tensor_shape)


def input_tensor(shape: tuple[int, ...], values: Array) -> Traced:
    """The file's input: [1, C, H, W], [1, H, W] (one colour) or [1, F] (F colours of one pixel); `values` [256] by pixel value."""
    image = {2: (shape[-1], 1, 1), 3: (1, *shape[1:]), 4: shape[1:]}[len(shape)]
    channels, height, width = image
    colours = np.arange(channels)
    return Traced(
        (channels, height, width),
        natural_order((channels, height, width), shape),
        np.tile(values, (channels, 1)),
        PixelSource(colours),
    )


def channel_order(x: Traced, node: Node) -> NDArray[np.int64]:
    """int64 [C]: the map's channel at each channel of the tensor, which must be [1, C, H, W] otherwise in order."""
    channels, height, width = x.shape
    area = height * width
    if x.order.shape == (1, *x.shape):
        permutation = x.order[0, :, 0, 0] // area
        if np.array_equal(x.order[0], (permutation[:, None] * area + np.arange(area)).reshape(x.shape)):
            return permutation
    raise node.error(
        f"expected a map [1, {channels}, {height}, {width}], got a tensor of shape {list(x.order.shape)} in another order"
    )


def permute_channels(x: Traced, permutation: NDArray[np.int64]) -> Traced:
    """The tensor as a map whose channels stand in the tensor's order; the caller shuffles the network's map likewise."""
    values = None if x.pad_values is None else x.pad_values[permutation]
    return replace(x, order=natural_order(x.shape, (1, *x.shape)), table=x.table[permutation], pad_values=values)


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
        values = np.empty((x.shape[0], full.size // x.shape[0]), parameter.dtype)
        values[channel_order(x, node)] = full.reshape(x.shape[0], -1)
    else:
        flat = np.empty(x.order.size, parameter.dtype)
        flat[x.order.ravel()] = full.ravel()
        values = flat.reshape(x.shape[0], -1)
    if (values != values[:, :1]).any():
        raise node.error("expected one parameter a channel, got values that differ from position to position")
    return values[:, :1]


def complemented(bits: Bits, rows: NDArray[np.bool_]) -> Bits:
    """The filters with those of `rows` complemented."""
    return np.where(rows.reshape(-1, *[1] * (bits.ndim - 1)), 1 - bits, bits).astype(np.uint8)


def with_filters(layer: BinaryConv | BinaryLinear, weights: Bits, thresholds: Ints) -> BinaryConv | BinaryLinear:
    """The layer with other weights and thresholds."""
    return replace(layer, weights=weights, thresholds=thresholds)


def reverse_rows(x: Traced, rows: NDArray[np.bool_]) -> Traced:
    """The same values from complemented filters: popcount p of a filter is K - p of its complement. For an unpooled SumSource."""
    assert isinstance(x.source, SumSource) and not x.pools
    layer = x.source.layer
    layer = with_filters(layer, complemented(layer.weights, rows), layer.thresholds)
    return replace(x, source=replace(x.source, layer=layer), table=np.where(rows[:, None], x.table[:, ::-1], x.table))
