"""The order in which a convolution makes its channels: free within each group, so that the next layer finds its groups together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, ChannelShuffle, LogicSkip, Network, OrPool
from owlbit.hw.ecp5.dataflow.geometry import Geometry, is_flat
from owlbit.hw.ecp5.dataflow.stages import Order


def filter_order(geometry: Geometry, groups: Order, ranks: Order) -> NDArray[np.int64]:
    """int64 [Cout]: the filter whose output comes i-th.

    `groups`: int64 [groups], the group whose inputs come i-th; `ranks`: see `filter_ranks`.
    """
    parts = geometry.pe // geometry.lanes
    per_group = ranks.shape[1]
    own = ranks[groups].reshape(-1, geometry.lanes, geometry.passes, parts)  # [round, lane, pass, filter]
    order = groups.reshape(-1, geometry.lanes, 1, 1) * per_group + own
    return np.asarray(order.transpose(2, 0, 1, 3).reshape(-1), np.int64)


def filter_ranks(network: Network, index: int) -> Order:
    """int64 [groups, Cout/groups]: the filter of each group of convolution `index` that is computed i-th, counted in its group.

    They are sorted by the group of the next convolution that takes them, unless a logic skip takes the map too.
    """
    layer = network.layers[index]
    assert isinstance(layer, BinaryConv)
    place = np.arange(len(layer.weights))  # of each channel, behind the layers so far
    natural = np.tile(np.arange(len(place) // layer.groups), (layer.groups, 1))
    sources = {later.source for later in network.layers if isinstance(later, LogicSkip)}
    for number in range(index + 1, len(network.layers)):
        after = network.layers[number]
        if number - 1 in sources:
            return natural
        if isinstance(after, ChannelShuffle):
            place = np.argsort(after.permutation)[place]
        elif isinstance(after, BinaryConv) and not is_flat(after, network.shapes[number - 1]):
            taken_by = place // after.weights.shape[1]
            return np.argsort(taken_by.reshape(natural.shape), axis=1, kind="stable")
        elif not isinstance(after, OrPool):
            return natural
    return natural
