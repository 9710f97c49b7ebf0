"""The search for a folding: a frame rate at the least LUTs, or the most frames in a part's budget. Exact over the layers' choices.

The method is in `owlbit.hw.fold_pipeline`. Resources are FINN's estimates; `owlbit.hw.finn.folding.estimates` lists what these
leave out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.hw.finn.folding.choices import Choice, Layer, Value
from owlbit.hw.finn.folding.parts import Part
from owlbit.hw.fold_pipeline import Option, cycle_bounds, cycles_at, fastest, least_cost

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
    return cycles_at(frames_per_second, clock_hz)


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

    def fold(bound: int) -> Folding | None:
        folding = _least_luts(layers, bound, budget.bram18)
        return folding if folding is not None and folding.luts <= budget.luts else None

    bounds = cycle_bounds([_options(layer) for layer in layers])
    best = fastest(bounds, fold)
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
    found: list[Folding] = []
    for bound in cycle_bounds([_options(layer) for layer in layers]):
        folding = _least_luts(layers, bound, None)
        if folding is not None and (not found or folding.luts < found[-1].luts):
            found.append(folding)
    return found


def _least_luts(layers: Sequence[Layer], cycles: int, bram18: int | None) -> Folding | None:
    """The least LUTs within `cycles` and `bram18` block RAMs, None where that is impossible."""
    chosen = least_cost([_options(layer) for layer in layers], cycles, bram18)
    if chosen is None:
        return None
    return Folding(tuple(layers), tuple(layer.choices[index] for layer, index in zip(layers, chosen, strict=True)))


def _options(layer: Layer) -> list[Option]:
    return [Option(choice.cycles, (choice.luts << _WIDTH_BITS) + choice.width, choice.bram18) for choice in layer.choices]
