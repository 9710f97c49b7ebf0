"""The search for a folding: a frame rate at the least LUTs, or the most frames in a part's budget. Exact over the layers' choices.

A dataflow pipeline takes as many cycles per frame as its slowest layer. For a bound on the cycles each layer can thus be chosen
by itself; what ties them together is the block RAM, so the least LUTs for a number of block RAMs come from dynamic programming over
that number. The fastest folding in a budget is the smallest bound that still fits; a larger bound fits wherever a smaller one does,
so it is found by halving. Resources are FINN's estimates and leave out what `owlbit.hw.finn.folding.estimates` lists.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.hw.finn.folding.choices import Choice, Layer, Value
from owlbit.hw.finn.folding.parts import Part

# How much of a part is given to the layers: FINN's estimate leaves out FIFOs, width converters and the shell around the network.
SHARE = 0.7

_WIDTH_BITS = 20  # LUTs count first and the width breaks ties, in one integer


@dataclass(frozen=True)
class Budget:
    """What a folding may use. `bram18`: halves of a 36-kbit block RAM."""

    luts: int
    bram18: int
    name: str


def budget_of(part: Part, share: float = SHARE) -> Budget:
    """The share of a part's LUTs and block RAMs that the layers may use."""
    return Budget(int(share * part.luts), int(share * 2 * part.bram36), f"{share:.0%} of {part.device}")


@dataclass(frozen=True)
class Folding:
    """A choice for every layer."""

    layers: tuple[Layer, ...]
    chosen: tuple[Choice, ...]

    @property
    def cycles(self) -> int:
        """Cycles from frame to frame: those of the slowest layer."""
        return max(choice.cycles for choice in self.chosen)

    @property
    def luts(self) -> int:
        """FINN's estimate over all layers."""
        return sum(choice.luts for choice in self.chosen)

    @property
    def bram18(self) -> int:
        """FINN's estimate over all layers."""
        return sum(choice.bram18 for choice in self.chosen)

    def settings(self) -> dict[str, dict[str, Value]]:
        """{node: {attribute: value}} for every node that has any."""
        pairs = zip(self.layers, self.chosen, strict=True)
        named = [(name, dict(one)) for layer, choice in pairs for name, one in zip(layer.nodes, choice.settings, strict=True)]
        return {name: one for name, one in named if one}


def write_folding(folding: Folding, path: Path) -> None:
    """Writes FINN's folding configuration: JSON of {"Defaults": {}, node: {attribute: value}}."""
    write_text(path, json.dumps({"Defaults": {}, **folding.settings()}, indent=2) + "\n")


def cycles_for(frames_per_second: float, clock_hz: float) -> int:
    """The cycles that a frame may take. Raises OwlbitError for a rate that is not above zero."""
    if not frames_per_second > 0:
        raise OwlbitError(f"--fps {frames_per_second:g}: expected a rate above zero; name the frames per second to reach")
    cycles = int(clock_hz // frames_per_second)
    return cycles + (clock_hz / (cycles + 1) >= frames_per_second)  # a quotient rounded to just below a whole number


def fold_for_rate(layers: Sequence[Layer], frames_per_second: float, clock_hz: float, budget: Budget | None = None) -> Folding:
    """The folding with the least LUTs that reaches a frame rate. With a budget it also keeps to the block RAMs of it.

    Raises OwlbitError, with the rate or the resources that are possible, where no legal folding reaches the rate or fits.
    """
    bound = cycles_for(frames_per_second, clock_hz)
    slowest = max(layers, key=lambda layer: layer.choices[0].cycles)
    fewest = slowest.choices[0].cycles
    if bound < fewest:
        raise OwlbitError(
            f"--fps {frames_per_second:g}: expected at most {clock_hz / fewest:,.1f} frames/s at {clock_hz / 1e6:g} MHz, which "
            f"{slowest.name} allows at its widest folding ({fewest:,} cycles per frame); ask for fewer or raise the clock"
        )
    folding = _least_luts(layers, bound, None if budget is None else budget.bram18)
    if budget is not None and (folding is None or folding.luts > budget.luts):
        needed = folding or _least_luts(layers, bound, None)
        assert needed is not None
        raise OwlbitError(
            f"--fps {frames_per_second:g}: expected to fit {budget.name}, {budget.luts:,} LUTs and {budget.bram18:,} halves of a "
            f"block RAM, but the least is {needed.luts:,} LUTs with {needed.bram18:,}; ask for fewer frames or take a larger part"
        )
    assert folding is not None
    return folding


def fold_for_budget(layers: Sequence[Layer], budget: Budget) -> Folding:
    """The fastest folding that fits a budget and, of these, the one with the least LUTs.

    Raises OwlbitError, with what the smallest folding needs, where none fits.
    """
    fewest = max(layer.choices[0].cycles for layer in layers)
    bounds = sorted({choice.cycles for layer in layers for choice in layer.choices if choice.cycles >= fewest})
    best: Folding | None = None
    low, high = 0, len(bounds)
    while low < high:
        middle = (low + high) // 2
        folding = _least_luts(layers, bounds[middle], budget.bram18)
        if folding is not None and folding.luts <= budget.luts:
            best, high = folding, middle
        else:
            low = middle + 1
    if best is None:
        smallest = _least_luts(layers, bounds[-1], budget.bram18) or _least_luts(layers, bounds[-1], None)
        assert smallest is not None
        raise OwlbitError(
            f"{budget.name}: expected a network of at most {budget.luts:,} LUTs and {budget.bram18:,} halves of a block RAM, got "
            f"one that needs {smallest.luts:,} and {smallest.bram18:,} at its smallest folding; take a larger part or fewer layers"
        )
    return best


def frontier(layers: Sequence[Layer]) -> list[Folding]:
    """The foldings that no other beats in both cycles and LUTs, the fastest first; block RAMs are not limited."""
    fewest = max(layer.choices[0].cycles for layer in layers)
    found: list[Folding] = []
    for bound in sorted({choice.cycles for layer in layers for choice in layer.choices if choice.cycles >= fewest}):
        folding = _least_luts(layers, bound, None)
        if folding is not None and (not found or folding.luts < found[-1].luts):
            found.append(folding)
    return found


def _least_luts(layers: Sequence[Layer], cycles: int, bram18: int | None) -> Folding | None:
    """The least LUTs within `cycles` and `bram18` block RAMs, None where that is impossible.

    cost[b] is the least cost of the layers so far with at most b block RAMs, picks[n][b] the choice of layer n that gives it.
    """
    offered = [[choice for choice in layer.choices if choice.cycles <= cycles] for layer in layers]
    if not all(offered):
        return None
    most = sum(max(choice.bram18 for choice in choices) for choices in offered)
    room = most if bram18 is None else min(bram18, most)
    unreachable = np.int64(1) << 60
    cost: NDArray[np.int64] = np.zeros(room + 1, np.int64)
    picks = np.zeros((len(layers), room + 1), np.int32)
    for number, choices in enumerate(offered):
        after = np.full(room + 1, unreachable)
        for index, choice in enumerate(choices):
            if choice.bram18 > room:
                continue
            own = (choice.luts << _WIDTH_BITS) + choice.width
            candidate = np.minimum(cost[: room + 1 - choice.bram18] + own, unreachable)
            better = candidate < after[choice.bram18 :]
            after[choice.bram18 :][better] = candidate[better]
            picks[number, choice.bram18 :][better] = index
        cost = after
    if cost[room] >= unreachable:
        return None
    left = int(np.argmin(cost))  # the fewest block RAMs of those that give the least LUTs
    chosen: list[Choice] = []
    for number in reversed(range(len(layers))):
        chosen.append(offered[number][picks[number, left]])
        left -= chosen[-1].bram18
    return Folding(tuple(layers), tuple(reversed(chosen)))
