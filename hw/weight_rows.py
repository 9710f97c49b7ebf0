"""Weights as the rows that a simulator or a program walks: in the order of a map's channels, and packed into words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from owlbit.export.network import BinaryConv, Bits
from owlbit.hw.channel_orders import Order


def window_rows(layer: BinaryConv, reads: Order) -> Bits:
    """Weights [F, Cin/groups, kh, kw] as bits [F, K] in the order in which windows are packed: row, column, position in the map.

    reads: which channel lies at each position of the map, see `channel_orders`.
    """
    filters, channels = layer.weights.shape[:2]
    # Filter f reads channel inside[f's group, i] of its group at position i of the group's bits.
    inside = reads.reshape(layer.groups, channels) % channels
    own = np.repeat(inside, filters // layer.groups, axis=0)
    return np.take_along_axis(layer.weights, own[:, :, None, None], axis=1).transpose(0, 2, 3, 1).reshape(filters, -1)


def pack_rows(rows: Bits, word: DTypeLike) -> NDArray[Any]:
    """Bits [F, K] to words [F, ceil(K / bits of a word)] of the unsigned type `word`: the lowest bit first, behind the row 0."""
    kind = np.dtype(word)
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % (8 * kind.itemsize))))
    return np.ascontiguousarray(np.packbits(padded, axis=1, bitorder="little")).view(kind.newbyteorder("<")).astype(kind)
