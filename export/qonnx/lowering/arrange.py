"""Bits in the order and with the sign that the layer behind them needs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from owlbit.export.network import ChannelShuffle
from owlbit.export.qonnx.graph import Array, Node
from owlbit.export.qonnx.lowering.emit import Building
from owlbit.export.qonnx.lowering.traced import BitSource, Traced, channel_order, permute_channels


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
