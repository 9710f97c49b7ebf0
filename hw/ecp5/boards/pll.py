"""Settings of the ECP5's PLL for a clock, within the limits of its data sheet (Lattice FPGA-DS-02012, sysCLOCK PLL timing).

The output CLKOP closes the loop, CLKOS is the clock, so that the frequency of the loop need not be that of the clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from owlbit.export.errors import OwlbitError

INPUT_MHZ = (8.0, 400.0)
COMPARED_MHZ = (10.0, 400.0)  # at the phase detector
VCO_MHZ = (400.0, 800.0)
OUTPUT_MHZ = (3.125, 400.0)
MOST_INPUT_DIVIDER, MOST_FEEDBACK, MOST_OUTPUT_DIVIDER = 128, 80, 128
WIDEST = 0.02  # below what was wanted
ROUNDING = 1e-9  # so that a clock that was found is found again


@dataclass(frozen=True)
class Pll:
    """Parameters of EHXPLLL: VCO = input / reference * feedback * loop, clock = VCO / output.

    `reference`: CLKI_DIV; `feedback`: CLKFB_DIV; `loop`: CLKOP_DIV; `output`: CLKOS_DIV; `mhz`: of the clock; `vco_mhz`.
    """

    reference: int
    feedback: int
    loop: int
    output: int
    mhz: float
    vco_mhz: float


def find_pll(input_mhz: float, mhz: float) -> Pll:
    """The settings for the fastest clock up to `mhz`; of those equally fast, a clock that is the loop's, then the fastest VCO.

    Raises OwlbitError for an input that the PLL does not take, and for a clock that it cannot make to within 2 %.
    """
    if not INPUT_MHZ[0] <= input_mhz <= INPUT_MHZ[1]:
        raise OwlbitError(f"clock: expected an oscillator of {INPUT_MHZ[0]:g} to {INPUT_MHZ[1]:g} MHz, got {input_mhz:g}")
    if not OUTPUT_MHZ[0] <= mhz <= OUTPUT_MHZ[1]:
        raise OwlbitError(f"clock: expected {OUTPUT_MHZ[0]:g} to {OUTPUT_MHZ[1]:g} MHz, which the PLL makes, got {mhz:g}")
    best: tuple[tuple[float, bool, float], Pll] | None = None
    for reference in range(1, MOST_INPUT_DIVIDER + 1):
        compared = input_mhz / reference
        if not COMPARED_MHZ[0] <= compared <= COMPARED_MHZ[1]:
            continue
        for feedback in range(1, MOST_FEEDBACK + 1):
            if not OUTPUT_MHZ[0] <= compared * feedback <= OUTPUT_MHZ[1]:
                continue
            for loop in range(1, MOST_OUTPUT_DIVIDER + 1):
                vco = compared * feedback * loop
                if not VCO_MHZ[0] <= vco <= VCO_MHZ[1]:
                    continue
                output = math.ceil(vco / mhz * (1 - ROUNDING))  # the smallest divider whose clock is not above
                if output > MOST_OUTPUT_DIVIDER:
                    continue
                found = Pll(reference, feedback, loop, output, vco / output, vco)
                rank = (round(found.mhz, 6), loop == output, vco)
                if best is None or rank > best[0]:
                    best = (rank, found)
    if best is None or best[1].mhz < mhz * (1 - WIDEST):
        below = "none" if best is None else f"{best[1].mhz:g} MHz"
        raise OwlbitError(
            f"clock: expected what the PLL makes of {input_mhz:g} MHz to within 2 %, got {mhz:g}; below it is {below}"
        )
    return best[1]
