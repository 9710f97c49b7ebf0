"""Settings of the iCE40's PLL for a frequency, within the limits of its data sheet (Lattice FPGA-DS-02008, sysCLOCK PLL)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from owlbit.export.errors import OwlbitError

OSCILLATOR_MHZ = (6.0, 12.0, 24.0, 48.0)
REFERENCE_MHZ = (10.0, 133.0)
VCO_MHZ = (533.0, 1066.0)
FILTER_MHZ = (17, 26, 44, 66, 101)  # FILTER_RANGE is 1 below the first, 2 below the second, and so on


@dataclass(frozen=True)
class Pll:
    """Parameters of SB_PLL40 with simple feedback: mhz = reference * (divf + 1) / ((divr + 1) * 2^divq)."""

    divr: int
    divf: int
    divq: int
    filter_range: int
    mhz: float


def find_pll(reference_mhz: float, mhz: float, file: Path | None = None) -> Pll:
    """The settings that give exactly `mhz`. Raises OwlbitError, naming the nearest that can be had, where none do."""
    best: Pll | None = None
    for divr in range(16):
        compared = reference_mhz / (divr + 1)
        if not REFERENCE_MHZ[0] <= compared <= REFERENCE_MHZ[1]:
            continue
        for divq in range(1, 7):
            for divf in range(128):
                vco = compared * (divf + 1)
                if VCO_MHZ[0] <= vco <= VCO_MHZ[1]:
                    reached = vco / (1 << divq)
                    if best is None or abs(reached - mhz) < abs(best.mhz - mhz):
                        filter_range = 1 + sum(compared >= limit for limit in FILTER_MHZ)
                        best = Pll(divr, divf, divq, filter_range, reached)
    where = f"{file}: clock.mhz: " if file else "clock: "
    if best is None:
        low, high = REFERENCE_MHZ
        raise OwlbitError(f"{where}expected a clock of {low:g} to {high:g} MHz for the PLL, got {reference_mhz:g}")
    if abs(best.mhz - mhz) > 1e-6:
        raise OwlbitError(f"{where}expected what the PLL makes of {reference_mhz:g} MHz, next to it {best.mhz:g}, got {mhz:g}")
    return best
