"""Which flip-flops become a block RAM's output register, and which must stay."""

from __future__ import annotations

from typing import Any

import pytest

from owlbit.hw.ecp5.flow.output_registers import take_output_registers

CLOCK = 2


def netlist(**changed: Any) -> dict[str, Any]:
    """A block RAM that is read at port A, two bits of it by flip-flops; `changed`: pins or parameters of the first of these."""
    block = {
        "type": "DP16KD",
        "parameters": {"REGMODE_A": "NOREG", "REGMODE_B": "NOREG", "DATA_WIDTH_B": f"{18:032b}"},
        "connections": {"CLKA": [CLOCK], "OCEA": ["1"], "CLKB": ["0"], "OCEB": ["1"], "DOA0": [10], "DOA1": [11], "DOA2": [12]},
    }
    registers = {}
    for bit in (0, 1):
        given = changed if bit == 0 else {}
        parameters = {"CEMUX": "1 ", "CLKMUX": "CLK"} | {key: value for key, value in given.items() if key.endswith("MUX")}
        pins = {"CLK": [CLOCK], "LSR": ["0"], "DI": [10 + bit], "Q": [20 + bit]}
        pins |= {key: value for key, value in given.items() if not key.endswith("MUX")}
        registers[f"q{bit}"] = {"type": "TRELLIS_FF", "parameters": parameters, "connections": pins}
    return {"modules": {"top": {"cells": {"block": block, **registers}, "ports": {"q": {"bits": [20, 21]}}}}}


def test_plain_registers_move_in() -> None:
    given = netlist()
    assert take_output_registers(given) == 1
    cells = given["modules"]["top"]["cells"]
    assert list(cells) == ["block"]
    assert cells["block"]["connections"]["DOA0"] == [20] and cells["block"]["connections"]["DOA1"] == [21]
    assert cells["block"]["parameters"]["REGMODE_A"] == "OUTREG"


@pytest.mark.parametrize("changed", [{"LSR": [5]}, {"CEMUX": "CE"}, {"CLK": [7]}, {"CLKMUX": "INV"}, {"Q": [10]}])
def test_others_stay(changed: dict[str, Any]) -> None:
    given = netlist(**changed)
    assert take_output_registers(given) == 0
    assert set(given["modules"]["top"]["cells"]) == {"block", "q0", "q1"}


def test_a_bit_that_is_read_elsewhere_too_keeps_them() -> None:
    given = netlist()
    given["modules"]["top"]["ports"]["early"] = {"bits": [11]}
    assert take_output_registers(given) == 0
