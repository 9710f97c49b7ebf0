"""Places the maps of a network in one arena, so that maps that are alive at once do not overlap.

A map is alive from the step that makes it to the last step that reads it. No arena can be smaller than the largest sum of maps that
are alive at one step. Placing is a packing problem: maps are placed one after the other, each at the lowest place that is free
while it is alive, in several orders, and the best order counts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from owlbit.export.errors import OwlbitError

MOST_BYTES = 2**32 - 1
# Pairs of maps that are looked at in search of a better order.
EFFORT = 2_000_000


@dataclass(frozen=True)
class Lifetime:
    """A map of `words` words that is made in step `first` and read for the last time in step `last`."""

    words: int
    first: int
    last: int

    def meets(self, other: Lifetime) -> bool:
        """Whether both are alive in one step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Arena:
    """`places`: the first word of each map; `words`: of the whole arena."""

    places: tuple[int, ...]
    words: int


def most_alive(sizes: Sequence[int], lifetimes: Sequence[Lifetime]) -> int:
    """The largest sum of `sizes`, one per map, over the maps that are alive in one step."""
    steps = {each.first for each in lifetimes}  # a sum can only grow where a map is made
    pairs = list(zip(sizes, lifetimes, strict=True))
    return max(sum(size for size, each in pairs if each.first <= step <= each.last) for step in steps)


def place_maps(lifetimes: Sequence[Lifetime]) -> Arena:
    """Places all maps. Raises OwlbitError where the maps that are alive at once take more than 4 GB."""
    least = most_alive([each.words for each in lifetimes], lifetimes)
    if 4 * least > MOST_BYTES:
        raise OwlbitError(f"c: expected maps of at most {MOST_BYTES:,} bytes alive at once, got {4 * least:,}")
    neighbours = [[j for j, other in enumerate(lifetimes) if j != i and each.meets(other)] for i, each in enumerate(lifetimes)]
    tries = max(5, EFFORT // sum(len(each) + 1 for each in neighbours))
    best: Arena | None = None
    for _, order in zip(range(tries), _orders(lifetimes), strict=False):
        arena = _place_in_order(lifetimes, neighbours, order)
        if best is None or arena.words < best.words:
            best = arena
        if best.words == least:
            break
    assert best is not None
    return best


def _orders(lifetimes: Sequence[Lifetime]) -> Iterator[list[int]]:
    """Orders to place the maps in: largest first, every second one first, as made, longest lives first, then random ones."""
    maps = list(range(len(lifetimes)))
    yield sorted(maps, key=lambda index: -lifetimes[index].words)
    yield [*maps[::2], *maps[1::2]]
    yield [*maps[1::2], *maps[::2]]
    yield maps
    yield sorted(maps, key=lambda index: lifetimes[index].first - lifetimes[index].last)
    chance = random.Random(0)
    while True:
        chance.shuffle(maps)
        yield maps


def _place_in_order(lifetimes: Sequence[Lifetime], neighbours: Sequence[Sequence[int]], order: Sequence[int]) -> Arena:
    places = [-1] * len(lifetimes)
    for index in order:
        place = 0
        taken = sorted((places[other], places[other] + lifetimes[other].words) for other in neighbours[index] if places[other] >= 0)
        for start, end in taken:
            if start >= place + lifetimes[index].words:
                break
            place = max(place, end)
        places[index] = place
    return Arena(tuple(places), max(place + each.words for place, each in zip(places, lifetimes, strict=True)))
