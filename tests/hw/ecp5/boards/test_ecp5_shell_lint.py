"""The Verilog around the circuit gives no warning in `verilator --lint-only -Wall`, for any board, simulated or synthesised."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecp5_chips import scores_network
from owlbit.hw.ecp5.boards.board import ecp5_board_names, load_ecp5_board
from owlbit.hw.ecp5.boards.chip import RTL, TOP, board_chip, shell_sources
from owlbit.hw.verilator import lint, missing_tools

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")
OUTPUTS = ("CLKOP", "CLKOS", "LOCK")


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The ports of the circuit and of the vendor's PLL as far as the shell uses them."""
    folder = tmp_path_factory.mktemp("stubs")
    text = (RTL / "owl_core_clock.v").read_text()
    parameters, ports = text[text.index("EHXPLLL") :].split(") pll")
    names = [f"parameter {name} = 0" for name in re.findall(r"\.([A-Z_0-9]+)\(", parameters)]
    sides = [f"{'output' if name in OUTPUTS else 'input'} {name}" for name in re.findall(r"\.([A-Z_0-9]+)\(", ports)]
    (folder / "cells.v").write_text(f"module EHXPLLL #({', '.join(names)}) ({', '.join(sides)}); endmodule\n")
    (folder / "owl_dataflow.v").write_text(
        "module owl_dataflow (input clk, input rst, input s_valid, output s_ready, input [7:0] s_data,\n"
        "  output m_valid, input m_ready, output [7:0] m_data);\nendmodule\n"
    )
    return sorted(folder.glob("*.v"))


@pytest.mark.parametrize("name", ecp5_board_names())
@pytest.mark.parametrize("simulated", [True, False])
def test_a_boards_chip(name: str, simulated: bool, stubs: list[Path]) -> None:
    chip = board_chip(load_ecp5_board(name), scores_network(), 80.0)
    assert lint(chip.sources, TOP, stubs=stubs, defines=(*(["OWL_SIM"] if simulated else []), *chip.defines)) == []


def test_every_file_holds_one_module_of_its_name_and_names_its_licence() -> None:
    for path in shell_sources():
        text = path.read_text(encoding="utf-8")
        assert [line.split()[1] for line in text.splitlines() if line.startswith("module ")] == [path.stem]
        assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n")
