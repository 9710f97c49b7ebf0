"""The shell's Verilog gives no warning in `verilator --lint-only -Wall` for any board, as simulated and as synthesised."""

from __future__ import annotations

from pathlib import Path

import pytest

from owlbit.hw.up5k.bitstream.board_macros import board_macros
from owlbit.hw.up5k.bitstream.design import CHIP_TOP, board_sources, shell_sources
from owlbit.hw.up5k.board import board_names, load_board
from owlbit.hw.verilator import lint, missing_tools

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")


@pytest.mark.parametrize("name", board_names())
def test_as_simulated(name: str) -> None:
    board = load_board(name)
    assert lint(board_sources(board), CHIP_TOP, defines=("OWL_SIM", *board_macros(board))) == []


@pytest.mark.parametrize("name", board_names())
def test_the_clock_as_synthesised(name: str, tmp_path: Path) -> None:
    """What OWL_SIM leaves out. The ports of the vendor's cells, as their data sheets give them; lint needs no more of them."""
    cells = tmp_path / "cells.v"
    pll = "parameter FEEDBACK_PATH = 0, DIVR = 0, DIVF = 0, DIVQ = 0, FILTER_RANGE = 0"
    ports = "output PLLOUTGLOBAL, output LOCK, input RESETB, input BYPASS"
    cells.write_text(
        f"module SB_PLL40_PAD #({pll}) (input PACKAGEPIN, {ports}); endmodule\n"
        f"module SB_PLL40_CORE #({pll}) (input REFERENCECLK, {ports}); endmodule\n"
        "module SB_HFOSC #(parameter CLKHF_DIV = 0) (input CLKHFPU, input CLKHFEN, output CLKHF); endmodule\n"
    )
    clock = [path for path in shell_sources() if path.stem == "owl_clock"]
    assert lint(clock, "owl_clock", stubs=[cells], defines=board_macros(load_board(name))) == []


def test_every_file_holds_one_module_of_its_name_and_names_its_licence() -> None:
    for path in shell_sources():
        text = path.read_text(encoding="utf-8")
        assert [line.split()[1] for line in text.splitlines() if line.startswith("module ")] == [path.stem]
        assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n")
