"""The best folding of a pipeline whose layers can each be folded in several ways: the least cost within cycles and block RAMs.

A pipeline takes as many cycles per frame as its slowest layer. For a bound on the cycles, each layer can thus be chosen by itself,
were it not that all share the block RAMs, and that two neighbours may need circuits between them. Dynamic programming over the
block RAMs and the option of the layer before gives the least cost exactly. A larger bound fits wherever a smaller one does, so the
fastest folding that fits is found by halving.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.int64]
Found = TypeVar("Found")
UNREACHABLE = np.int64(1) << 60


@dataclass(frozen=True)
class Option:
    """One way to fold a layer. `cycles` per frame; `cost`: what is minimised, at least 0; `blocks`: block RAMs."""

    cycles: int
    cost: int
    blocks: int


def least_cost(
    layers: Sequence[Sequence[Option]], cycles: int, blocks: int | None = None, joints: Sequence[Costs] | None = None
) -> list[int] | None:
    """The index of the option to take for each layer, None where no choice keeps to `cycles` and `blocks` (None: any number).

    `joints[n]`: int64 [options of layer n, options of layer n + 1], what the circuits between these two cost. Of equal costs, those
    with the fewest block RAMs are taken.
    """
    allowed = [[index for index, option in enumerate(options) if option.cycles <= cycles] for options in layers]
    if not all(allowed):
        return None
    allowed = [_unbeaten(number, options, own, joints) for number, (options, own) in enumerate(zip(layers, allowed, strict=True))]
    most = sum(max(options[index].blocks for index in own) for options, own in zip(layers, allowed, strict=True))
    room = most if blocks is None else min(blocks, most)
    costs: Costs = np.zeros((1, room + 1), np.int64)  # of the layers so far: [option of the last one, block RAMs at most]
    origins: list[NDArray[np.intp]] = []
    for number, (options, own) in enumerate(zip(layers, allowed, strict=True)):
        after = np.full((len(own), room + 1), UNREACHABLE)
        origin = np.zeros((len(own), room + 1), np.intp)
        between = joints[number - 1][np.ix_(allowed[number - 1], own)] if joints and number else None
        if between is None:
            before, best = costs.argmin(axis=0), costs.min(axis=0)
        for position, option in enumerate(options[index] for index in own):
            if option.blocks > room:
                continue
            if between is not None:
                reached = costs + between[:, position, None]
                before, best = reached.argmin(axis=0), reached.min(axis=0)
            kept = room + 1 - option.blocks
            after[position, option.blocks :] = np.minimum(best[:kept] + option.cost, UNREACHABLE)
            origin[position, option.blocks :] = before[:kept]
        costs = after
        origins.append(origin)
    left = int(np.argmin(costs.min(axis=0)))  # the fewest block RAMs of those that give the least cost
    position = int(np.argmin(costs[:, left]))
    if costs[position, left] >= UNREACHABLE:
        return None
    chosen: list[int] = []
    for options, own, origin in zip(reversed(layers), reversed(allowed), reversed(origins), strict=True):
        chosen.append(own[position])
        position, left = int(origin[position, left]), left - options[own[position]].blocks
    return chosen[::-1]


def _unbeaten(number: int, options: Sequence[Option], own: list[int], joints: Sequence[Costs] | None) -> list[int]:
    """The options of a layer, of `own`, that may be in a solution: the others cost as much as one with no more block RAMs at the
    worst of its neighbours, even at the best of theirs."""
    lowest = highest = np.zeros(len(own), np.int64)
    if joints:
        for joint in ([joints[number - 1].T[own]] if number else []) + ([joints[number][own]] if number < len(joints) else []):
            lowest, highest = lowest + joint.min(axis=1), highest + joint.max(axis=1)
    costs = np.array([options[index].cost for index in own])
    order = sorted(range(len(own)), key=lambda place: (options[own[place]].blocks, costs[place] + highest[place]))
    kept, best = [], None
    for place in order:
        if best is None or costs[place] + lowest[place] < best:
            kept.append(own[place])
            reached = costs[place] + highest[place]
            best = reached if best is None else min(best, reached)
    return sorted(kept)


def cycle_bounds(layers: Sequence[Sequence[Option]]) -> list[int]:
    """The cycles per frame that some folding of the pipeline can have, rising."""
    fewest = max(min(option.cycles for option in options) for options in layers)
    return sorted({option.cycles for options in layers for option in options if option.cycles >= fewest})


def fastest(bounds: Sequence[int], fold: Callable[[int], Found | None]) -> Found | None:
    """What `fold` gives for the smallest of the rising `bounds` for which it gives anything, which all larger ones then do too."""
    best: Found | None = None
    low, high = 0, len(bounds)
    while low < high:
        middle = (low + high) // 2
        found = fold(bounds[middle])
        if found is None:
            low = middle + 1
        else:
            best, high = found, middle
    return best


def cycles_at(frames_per_second: float, clock_hz: float) -> int:
    """The cycles that a frame may take at a clock in Hz, for a rate above zero."""
    cycles = int(clock_hz // frames_per_second)
    return cycles + (clock_hz / (cycles + 1) >= frames_per_second)  # a quotient rounded to just below a whole number
