"""The engine's Verilog gives no warning in `verilator --lint-only -Wall`, as simulated and as synthesised; and lint does warn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from owlbit.hw.up5k.bitstream.plan import DEFINES, PINS, RTL, TOP, rtl_headers, rtl_sources
from owlbit.hw.up5k.simulate import BENCH
from owlbit.hw.verilator import lint, missing_tools

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")

# The ports of the vendor's cells, as their data sheets give them; lint needs no more of them.
CELLS = """
module SB_SPRAM256KA (
    input [13:0] ADDRESS, input [15:0] DATAIN, input [3:0] MASKWREN,
    input WREN, CHIPSELECT, CLOCK, STANDBY, SLEEP, POWEROFF,
    output [15:0] DATAOUT
);
endmodule
module SB_MAC16 #(
    parameter [0:0] A_REG = 0, B_REG = 0, C_REG = 0, D_REG = 0, MODE_8x8 = 0,
    parameter [1:0] TOPOUTPUT_SELECT = 0, BOTOUTPUT_SELECT = 0,
    parameter [1:0] TOPADDSUB_LOWERINPUT = 0, BOTADDSUB_LOWERINPUT = 0, TOPADDSUB_CARRYSELECT = 0, BOTADDSUB_CARRYSELECT = 0,
    parameter [0:0] TOPADDSUB_UPPERINPUT = 0, BOTADDSUB_UPPERINPUT = 0
) (
    input CLK, CE, AHOLD, BHOLD, CHOLD, DHOLD, IRSTTOP, IRSTBOT, ORSTTOP, ORSTBOT,
    input OLOADTOP, OLOADBOT, ADDSUBTOP, ADDSUBBOT, OHOLDTOP, OHOLDBOT, CI, ACCUMCI, SIGNEXTIN,
    input [15:0] A, B, C, D,
    output [31:0] O,
    output CO, ACCUMCO, SIGNEXTOUT
);
endmodule
module SB_CARRY (input I0, I1, CI, output CO);
endmodule
module SB_LUT4 #(parameter [15:0] LUT_INIT = 0) (input I0, I1, I2, I3, output O);
endmodule
"""


def test_as_simulated() -> None:
    assert lint(rtl_sources(), TOP) == []


def test_as_synthesised(tmp_path: Path) -> None:
    cells = tmp_path / "cells.v"
    cells.write_text(CELLS)
    assert lint(rtl_sources(), TOP, stubs=[cells], defines=DEFINES) == []


def test_every_file_is_read_and_holds_one_module_of_its_name() -> None:
    for path in rtl_sources():
        modules = [line.split()[1] for line in path.read_text().splitlines() if line.startswith("module ")]
        assert modules == [path.stem], path.name


def test_every_file_names_its_licence() -> None:
    for path in [*rtl_headers(), *rtl_sources(), BENCH, PINS]:
        comment = "#" if path == PINS else "//"
        assert path.read_text(encoding="utf-8").startswith(f"{comment} SPDX-License-Identifier: Apache-2.0\n"), path.name


@pytest.mark.parametrize(("module", "outside"), [("owl_boot", {"REST", "DONE", "ERROR"}), ("owl_sequencer", set())])
def test_every_state_is_named_in_the_case(module: str, outside: set[str]) -> None:
    """`default` is left for codes that are no state, and only goes to one. outside: states in which the case is not reached."""
    text = (RTL / f"{module}.v").read_text(encoding="utf-8")
    codes = re.search(r"localparam \[3:0\] (.*?);", text, re.DOTALL)
    assert codes is not None
    states = set(re.findall(r"(\w+) = \d+", codes[1]))
    assert set(re.findall(r"^ +([A-Z]+):\s", text, re.MULTILINE)) == states - outside
    target = re.findall(r"default: +(.*?)(?: *//.*)?$", text, re.MULTILINE)
    assert target in [[f"state <= {state};"] for state in states]


def test_lint_notices_a_width(tmp_path: Path) -> None:
    source = tmp_path / "narrow.v"
    source.write_text("module narrow (input wire [7:0] a, output wire [3:0] q);\n  assign q = a;\nendmodule\n")
    warnings = lint([source], "narrow")
    assert any("WIDTHTRUNC" in line and "narrow.v:2" in line for line in warnings)
