"""`Network` -> what its C file holds: every map's layout and place, every filter's words in window order, and the runs of filters.

A map [C, H, W] lies as [groups, H, W, C/groups] without gaps, the groups being those of the step that reads it: the bits of a
kernel row are then side by side. Shuffles are gone; a layer writes its channels in the order in which the next one wants them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import (
    BinaryConv,
    BinaryLinear,
    Bits,
    ChannelShuffle,
    Layer,
    LogicSkip,
    Network,
    OrPool,
    Scores,
    Shape,
)
from owlbit.hw.c.arena import Arena, Lifetime, most_alive, place_maps
from owlbit.hw.channel_orders import Order, Passage, channel_orders, list_passages
from owlbit.hw.weight_rows import pack_rows, window_rows

WORD = 32
Words = NDArray[np.uint32]


@dataclass(frozen=True)
class Map:
    """Where the output of a step lies: `place`, its first word in the arena, and its layout."""

    shape: Shape
    groups: int
    place: int = -1

    @property
    def bits(self) -> int:
        """Channels of a group: the bits from one position to the next."""
        return self.shape[0] // self.groups

    @property
    def positions(self) -> int:
        """Rows times columns."""
        return self.shape[1] * self.shape[2]

    @property
    def words(self) -> int:
        """Words of the map; bits behind its end are 0."""
        return -(-self.shape[0] * self.positions // WORD)

    def starts(self) -> NDArray[np.int64]:
        """The bit of channel position 0, 1, ... at the first position, int64 [C]."""
        groups, inside = np.divmod(np.arange(self.shape[0]), self.bits)
        return groups * self.positions * self.bits + inside


@dataclass(frozen=True, eq=False)
class Step:
    """A layer that the C file calls a kernel for.

    `index`: in `Network.layers`; `source`, `target`: the maps it reads and writes, None for pixels and scores; `reads`, `writes`:
    which channel lies at position 0, 1, ... of them; `earlier`: of a logic skip the other map; `earlier_starts`: the bit of each
    channel of the target in it. Of filters: `weights`, uint32 [filters, words], bits in window order, `filters`: which filter each
    of these rows is, and `runs`: (first bit in the target, filters). Of a convolution, `pool`: the OR-pool behind it,
    if its map is the target, and `pool_index` in the layers.
    """

    index: int
    layer: Layer
    source: Map | None
    target: Map | None
    writes: Order
    earlier: Map | None = None
    earlier_starts: Order = field(default_factory=lambda: np.arange(0))
    weights: Words = field(default_factory=lambda: np.zeros((0, 0), np.uint32))
    filters: Order = field(default_factory=lambda: np.arange(0))
    runs: tuple[tuple[int, int], ...] = ()
    pool: OrPool | None = None
    pool_index: int = -1


@dataclass(frozen=True, eq=False)
class Plan:
    """A network laid out. `most_bits`: the largest sum of the network's maps that are alive at once, those before a pool included;
    `window_words`: the largest window."""

    network: Network
    steps: tuple[Step, ...]
    arena: Arena
    most_bits: int
    window_words: int

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights in words."""
        return sum(step.weights.nbytes for step in self.steps)

    @property
    def largest_bound(self) -> int:
        """The largest K + 1 - threshold that a filter may have; 0 where there are no filters."""
        layers = (step.layer for step in self.steps)
        return max((layer.fan_in + 1 for layer in layers if isinstance(layer, BinaryConv | BinaryLinear)), default=0)

    @property
    def bound_bytes(self) -> int:
        """Bytes of one bound."""
        return 2 if self.largest_bound < 2**16 else 4

    @property
    def threshold_bytes(self) -> int:
        """Bytes of the filters' bounds and of the thermometer's levels."""
        levels = len(self.steps[0].writes) * (4 if self.network.input_shape[0] <= 2**16 else 8)
        return self.bound_bytes * sum(len(step.filters) for step in self.steps if step.runs) + levels


def plan_network(network: Network) -> Plan:
    """Lays out a network; takes whatever the specification allows. Raises OwlbitError for an arena of more than 4 GB."""
    passages = list_passages(network)
    orders = channel_orders(network, passages)
    indices = [index for index, layer in enumerate(network.layers) if not isinstance(layer, ChannelShuffle)]
    maps = _maps(passages)
    lifetimes = _lifetimes(passages, maps)
    most_bits = most_alive([each.shape[0] * each.positions for each in maps], lifetimes)
    pooled = _pooled(passages)
    arena = _place(maps, lifetimes, pooled)
    steps = []
    for number, (passage, (reads, writes)) in enumerate(zip(passages, orders, strict=True)):
        if number - 1 in pooled:
            continue
        made = number + 1 if number in pooled else number
        source = maps[number - 1] if number else None
        target = maps[made] if made < len(maps) else None
        tables = _tables(passage, reads, writes, maps, orders, source, target)
        if number in pooled:
            tables |= {"pool": pooled[number], "pool_index": indices[number + 1]}
        steps.append(Step(indices[number], passage.layer, source, target, writes, **tables))
    windows = [step.weights.shape[1] for step in steps if isinstance(step.layer, BinaryConv)]
    return Plan(network, tuple(steps), arena, most_bits, max(windows, default=0))


def _pooled(passages: list[Passage]) -> dict[int, OrPool]:
    """The convolutions that write the map of the pool behind them: it has no overlapping windows, and nothing else reads theirs."""
    kept = {passage.earlier for passage in passages}
    found: dict[int, OrPool] = {}
    for number, (passage, reader) in enumerate(pairwise(passages)):
        pool = reader.layer
        if not isinstance(passage.layer, BinaryConv) or not isinstance(pool, OrPool) or number in kept:
            continue
        if all(stride >= size for stride, size in zip(pool.stride, pool.kernel, strict=True)):
            found[number] = pool
    return found


def _place(maps: list[Map], lifetimes: list[Lifetime], pooled: Collection[int]) -> Arena:
    """Places `maps` but for those that are pooled at once; a pool's map is then made in the step of its convolution."""
    kept = [number for number in range(len(maps)) if number not in pooled]
    lives = [replace(lifetimes[number], first=number - (number - 1 in pooled)) for number in kept]
    arena = place_maps(lives)
    for number, place in zip(kept, arena.places, strict=True):
        maps[number] = replace(maps[number], place=place)
    return arena


def _maps(passages: list[Passage]) -> list[Map]:
    """The maps that all steps but the scores make, without places: grouped as the step behind wants, a pool as its own reader."""
    maps: list[Map] = []
    groups = 1
    for passage, reader in reversed(list(pairwise(passages))):
        if isinstance(reader.layer, BinaryConv):
            groups = reader.layer.groups
        elif not isinstance(reader.layer, OrPool | LogicSkip):
            groups = 1
        maps.append(Map(passage.shape, groups))
    return maps[::-1]


def _lifetimes(passages: list[Passage], maps: list[Map]) -> list[Lifetime]:
    last = [number + 1 for number in range(len(maps))]
    for number, passage in enumerate(passages):
        if isinstance(passage.layer, LogicSkip):
            last[passage.earlier] = max(last[passage.earlier], number)
    return [Lifetime(each.words, number, end) for number, (each, end) in enumerate(zip(maps, last, strict=True))]


def _tables(
    passage: Passage,
    reads: Order,
    writes: Order,
    maps: list[Map],
    orders: list[tuple[Order, Order]],
    source: Map | None,
    target: Map | None,
) -> dict[str, Any]:
    """The fields of a step that only some layers have."""
    layer = passage.layer
    match layer:
        case BinaryConv():
            assert target is not None
            return _filters(window_rows(layer, reads), writes, layer.groups, target)
        case BinaryLinear():
            assert source is not None and target is not None
            return _filters(_map_rows(layer.weights, reads, source), writes, 1, target)
        case Scores():
            assert source is not None
            rows = _map_rows(layer.weights, reads, source)
            return {"weights": pack_rows(rows, np.uint32), "filters": np.arange(len(rows))}
        case LogicSkip():
            earlier = maps[passage.earlier]
            # Channel c of the source is channel earlier_channels[c] of the step that made it, which stands somewhere in its map.
            stands = np.argsort(orders[passage.earlier][1])[passage.earlier_channels]
            return {"earlier": earlier, "earlier_starts": earlier.starts()[stands[writes]]}
        case _:
            return {}


def _map_rows(weights: Bits, reads: Order, source: Map) -> Bits:
    """Weights [F, C*H*W] with their bits in the order in which the whole map lies: row, column, position."""
    return weights.reshape(len(weights), -1, source.positions)[:, reads].transpose(0, 2, 1).reshape(len(weights), -1)


def _filters(rows: Bits, writes: Order, groups: int, target: Map) -> dict[str, Any]:
    """Filters [F, K] in the order group, bit of the target; runs of up to 32 that are side by side in the target."""
    starts = np.empty(len(rows), np.int64)
    starts[writes] = target.starts()
    own = np.arange(len(rows)) // (len(rows) // groups)
    order = np.lexsort((starts, own))
    runs: list[tuple[int, int]] = []
    group = -1
    for filter_ in order.tolist():
        start = int(starts[filter_])
        last = runs[-1] if runs else (-1, WORD)
        if own[filter_] == group and start == sum(last) and last[1] < WORD:
            runs[-1] = last[0], last[1] + 1
        else:
            runs.append((start, 1))
        group = own[filter_]
    return {"weights": pack_rows(rows[order], np.uint32), "filters": order, "runs": tuple(runs)}
