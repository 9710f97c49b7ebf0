"""The same network on several parts: does a folding fit, and how fast can the network be folded in each part's budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from owlbit.export.errors import OwlbitError
from owlbit.hw.finn.folding.choices import Layer
from owlbit.hw.finn.folding.estimates import Estimates
from owlbit.hw.finn.folding.parts import PARTS, Part
from owlbit.hw.finn.folding.search import Folding, budget_of, fold_for_budget

# From a Spartan-7 that boots from half a megabyte to what PYNQ and Ultra96 boards carry.
COMPARED = ("xc7s15", "xc7s50", "xc7a100t", "xc7z010", "xc7z020", "xczu3eg")


@dataclass(frozen=True)
class OnPart:
    """A part and what it holds. `fits`: the folding at hand; `best`: the fastest one within `SHARE` of `search`, or None."""

    part: Part
    fits: bool
    best: Folding | None
    reason: str


def compare_parts(estimates: Estimates, layers: Sequence[Layer], devices: Sequence[str] = COMPARED) -> list[OnPart]:
    """One entry a device of `parts`. `estimates`: of the folding at hand, which fits where the whole part holds it."""
    found = []
    for device in devices:
        part = PARTS[device]
        fits = estimates.luts_with_left_out <= part.luts and estimates.bram18 <= 2 * part.bram36 and estimates.dsps <= part.dsps
        try:
            found.append(OnPart(part, fits, fold_for_budget(layers, budget_of(part)), ""))
        except OwlbitError as error:
            found.append(OnPart(part, fits, None, str(error)))
    return found
