"""Two tensors that one operator reads: both are maps of bits, and what becomes of a pair of bits is a table of four values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import ChannelShuffle
from owlbit.export.qonnx.graph import Array, Node
from owlbit.export.qonnx.lowering.emit import Building
from owlbit.export.qonnx.lowering.traced import BitSource, PairSource, Traced


def join_tensors(building: Building, node: Node, tensors: list[Traced]) -> tuple[Traced, list[Array]]:
    """A tensor for what `node` makes of two, and the table [C, 4] of each, by 2 * (bit of the current map) + (bit of the earlier).

    The current map is that of the last layer. Where its channels stand in another order than those of the earlier one it is
    shuffled. Raises QonnxError for other tensors than two unpadded ones of bits and of one shape.
    """
    if len(tensors) != 2:
        raise node.error(f"joins {len(tensors)} tensors; expected two at a time")
    if any(tensor.pad_values is not None for tensor in tensors):
        raise node.error("joins a padded map with another; pad right before the convolution")
    first, second = tensors
    if first.order.shape != second.order.shape or first.shape != second.shape:
        raise node.error(
            f"joins tensors of the shapes {list(first.tensor_shape)} and {list(second.tensor_shape)}; expected maps of one shape"
        )
    bits = [tensor if isinstance(tensor.source, BitSource) else building.as_bits(tensor, node) for tensor in tensors]
    # Of two from one layer either can be the current one: it is the one that is shuffled.
    last = int(bits[1].bit_layer > bits[0].bit_layer)
    joined, current, earlier = _pair(building, node, bits[last], bits[1 - last])
    return joined, [earlier, current] if last else [current, earlier]


def _pair(building: Building, node: Node, current: Traced, earlier: Traced) -> tuple[Traced, Array, Array]:
    """The joined tensor, and the tables of both."""
    building.check_line(current.bit_layer, node)
    stands, needed = np.arange(current.shape[0]), _permutation(current, earlier, node)
    # A shuffle that the network holds anyway may have brought the earlier map into the order of the current one.
    source, moved = earlier.bit_layer, stands
    while not np.array_equal(needed[moved], stands) and source + 1 < current.bit_layer:
        shuffle = building.layers[source + 1]
        if not isinstance(shuffle, ChannelShuffle):
            break
        source, moved = source + 1, moved[shuffle.permutation]
    if np.array_equal(needed[moved], stands) and source < current.bit_layer:
        order = current.order
    else:
        source, moved, order = earlier.bit_layer, stands, earlier.order
        building.add(ChannelShuffle(needed.astype(np.int32)), current.bit_layer, node)
    own = np.repeat(current.table[needed[moved]], 2, axis=1)
    other = np.tile(earlier.table[moved], (1, 2))
    return Traced(current.shape, order, own, PairSource(building.last, source)), own, other


def _permutation(current: Traced, earlier: Traced, node: Node) -> NDArray[np.int64]:
    """int64 [C]: the channel of the current map that meets each channel of the earlier one."""
    channels, height, width = current.shape
    area = height * width
    meets = np.empty(current.order.size, np.int64)
    meets[earlier.order.ravel()] = current.order.ravel()
    permutation = meets[::area] // area
    if not np.array_equal(meets.reshape(channels, area), permutation[:, None] * area + np.arange(area)):
        raise node.error("joins two maps whose rows or columns stand in different orders; transpose neither or both")
    return permutation
