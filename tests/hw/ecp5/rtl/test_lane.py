"""owl_lane, on carry chains and as plain Verilog, against sums of bits; and a wrong cell is noticed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from owlbit.hw.ecp5.folding.stage_costs import lane_sites
from owlbit.hw.verilator import missing_tools, verilate

RTL = Path(__file__).parents[4] / "hw" / "ecp5" / "rtl"
HERE = Path(__file__).parent
MODULES = ("owl_lane", "owl_count", "owl_count_tree", "owl_adder_chain", "owl_carry_cell", "owl_accumulate", "owl_late")
CHAINS = ("OWL_CARRY_CHAINS",)

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")


def differing(folder: Path, defines: tuple[str, ...], lanes: int, wide: int) -> int:
    """The lanes of the bench that differ, as bits; `folder`: where the Verilog lies."""
    sources = [*(folder / f"{name}.v" for name in MODULES), HERE / "lanes.v"]
    options = (f"-GLANES={lanes}", f"-GWIDE={wide}")
    bench = verilate(sources, "lanes", HERE / "lanes_bench.cpp", defines=defines, options=options, optimisation="-O0")
    return int(subprocess.run([bench], check=True, capture_output=True, text=True, timeout=100).stdout, 16)


def test_sums_on_carry_chains_are_exact() -> None:
    assert differing(RTL, CHAINS, 16, 0) == 0


def test_a_cell_with_a_wrong_carry_is_noticed(tmp_path: Path) -> None:
    for name in MODULES:
        text = (RTL / f"{name}.v").read_text()
        (tmp_path / f"{name}.v").write_text(text.replace("16'h6996 :", "16'h6998 :"))
    assert differing(tmp_path, CHAINS, 4, 0) != 0


@pytest.mark.slow
@pytest.mark.parametrize("defines", [CHAINS, ()])
def test_wide_sums_are_exact(defines: tuple[str, ...]) -> None:
    assert differing(RTL, defines, 60, 1) == 0


def test_a_lane_takes_the_sites_that_yosys_counted() -> None:
    assert [lane_sites(products, 12) for products in (9, 36, 72, 144, 288)] == [32, 72, 130, 248, 484]
