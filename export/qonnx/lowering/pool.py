"""Lowering of maximum pools, before or after the bits are made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from owlbit.export.network import ChannelShuffle, NetworkError, OrPool
from owlbit.export.qonnx.graph import Array, Node
from owlbit.export.qonnx.lowering.emit import Building
from owlbit.export.qonnx.lowering.traced import (
    BitSource,
    PairSource,
    SumSource,
    Traced,
    channel_order,
    natural_order,
    permute_channels,
    reverse_rows,
)


def lower_pool(building: Building, node: Node, inputs: list[Traced | Array | None]) -> Traced:
    """MaxPool without padding, or GlobalMaxPool.

    The maximum of a function that rises with the integer is the function of the largest integer, so a pool may stand before the
    threshold. Raises QonnxError where a channel falls with its integer and its bit cannot be complemented.
    """
    x = inputs[0]
    assert isinstance(x, Traced)
    if x.pad_values is not None:
        raise node.error("pools a padded map, which is not supported; pool without padding")
    pool = _window(node, x)
    permutation = channel_order(x, node)
    if isinstance(x.source, PairSource):
        x = building.as_bits(x, node)
    if isinstance(x.source, BitSource):
        x = rising_bits(building, x, x.table[:, 1] < x.table[:, 0], node)
        building.add(pool, x.bit_layer, node)
        x = replace(x, source=BitSource(building.last))
    else:
        x = replace(_rising_table(x, node), pools=(*x.pools, pool))
    shape = pool.output_shape(x.shape)
    order = natural_order(shape, (1, *shape))[:, permutation]
    return replace(x, shape=shape, order=order)


def shuffle_channels(building: Building, node: Node, x: Traced) -> Traced:
    """Bits as a map in the tensor's channel order; the network shuffles them where that is another order than its own."""
    permutation = channel_order(x, node)
    if np.array_equal(permutation, np.arange(permutation.size)):
        return x
    building.add(ChannelShuffle(permutation.astype(np.int32)), x.bit_layer, node)
    return permute_channels(replace(x, source=BitSource(building.last)), permutation)


def rising_bits(building: Building, x: Traced, falling: Array, node: Node) -> Traced:
    """The same bits, those of the channels `falling` complemented by the layer before. Raises QonnxError where it cannot."""
    if not falling.any():
        return x
    flipped = building.flip_bits(x, falling)
    if flipped is None:
        raise node.error(
            f"needs the complement of channel {int(falling.argmax())}'s bit, which no thermometer, pool, logic skip or branch "
            "gives; pool only values that rise with the pixel, and pad with the value of a dark pixel"
        )
    return flipped


def _window(node: Node, x: Traced) -> OrPool:
    if node.kind == "GlobalMaxPool":
        return OrPool(x.shape[1:], x.shape[1:])
    kernel = tuple(node.attributes.get("kernel_shape", ()))
    strides = tuple(node.attributes.get("strides", (1, 1)))
    if len(kernel) != 2 or len(strides) != 2:
        raise node.error(f"expected a window of rows and columns, got {kernel}")
    if any(node.attributes.get("pads", ())) or node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise node.error("pads its input, which is not supported; pool without padding")
    if any(dilation != 1 for dilation in node.attributes.get("dilations", ())):
        raise node.error("is dilated, which is not supported")
    if node.attributes.get("ceil_mode", 0) and any(
        (size - window) % step for size, window, step in zip(x.shape[1:], kernel, strides, strict=True)
    ):
        raise node.error(f"its windows reach over the edge of the {x.shape[1]}x{x.shape[2]} map (ceil_mode); use ceil_mode 0")
    try:
        pool = OrPool((kernel[0], kernel[1]), (strides[0], strides[1]))
        pool.output_shape(x.shape)
    except NetworkError as error:
        raise node.error(str(error)) from None
    return pool


def _rising_table(x: Traced, node: Node) -> Traced:
    steps = np.diff(x.table, axis=1)
    falls = np.asarray((steps < 0).any(axis=1))
    if not falls.any():
        return x
    if (falls & (steps > 0).any(axis=1)).any():
        raise node.error("its input neither rises nor falls throughout with the sum or pixel before it, which is not supported")
    if isinstance(x.source, SumSource) and not x.pools:
        return reverse_rows(x, falls)
    raise node.error(f"channel {int(falls.argmax())} falls with the pixel or maximum that it comes from; threshold before pooling")
