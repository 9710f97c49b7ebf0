"""In which order every map of a network keeps its channels in memory: how shuffles disappear, and groups lie side by side.

A map is written once, in the order that the next layer wants. That is all that is left of a shuffle.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, ChannelShuffle, Layer, LogicSkip, Network, OrPool, Shape

Order = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Passage:
    """A layer that is a step, with the shuffles before it.

    `shape`: of its output; `channels`: which channel of the step before each channel of its input is; for a logic skip, `earlier`:
    the step that made its source, and `earlier_channels`: which of that step's channels each channel of the source is.
    """

    layer: Layer
    shape: Shape
    channels: Order
    earlier: int = -1
    earlier_channels: Order = field(default_factory=lambda: np.arange(0))


def list_passages(network: Network) -> list[Passage]:
    """Every layer but the shuffles, in order."""
    passages: list[Passage] = []
    # For every layer: the last step so far, and which of its channels each channel of the layer's output is.
    made: list[tuple[int, Order]] = []
    channels = np.arange(network.input_shape[0])
    for layer, _, shape in network.steps():
        if isinstance(layer, ChannelShuffle):
            channels = channels[layer.permutation]
        else:
            passages.append(Passage(layer, shape, channels, *(made[layer.source] if isinstance(layer, LogicSkip) else ())))
            channels = np.arange(shape[0])
        made.append((len(passages) - 1, channels))
    return passages


def channel_orders(network: Network, passages: list[Passage]) -> list[tuple[Order, Order]]:
    """For every step: which of its channels lies at position 0, 1, ... of the map it reads, and of the one it writes.

    A convolution wants the channels of each of its groups side by side. Inside a group any order does, as its weights can follow:
    the maker's own order it is, for then filters that read one window stay neighbours. A pool and a logic skip have no wish of
    their own, and read in the order in which they write.
    """
    # Channel i of what a step reads is channel i of this list of the layer that made its bits, be there pools between.
    makers: list[Order] = []
    for index, passage in enumerate(passages):
        pooled = index > 0 and isinstance(passages[index - 1].layer, OrPool)
        makers.append(makers[-1][passage.channels] if pooled else passage.channels)
    orders: list[tuple[Order, Order]] = []
    writes = np.arange(network.classes)
    for passage, maker in zip(reversed(passages), reversed(makers), strict=True):
        reads = writes
        if not isinstance(passage.layer, OrPool | LogicSkip):
            groups = passage.layer.groups if isinstance(passage.layer, BinaryConv) else 1
            first = np.arange(0, maker.size, maker.size // groups)
            reads = (np.argsort(maker.reshape(groups, -1), axis=1) + first[:, None]).reshape(-1)
        orders.append((reads, writes))
        writes = passage.channels[reads]
    return orders[::-1]
