"""Exchanging weights in a routed configuration: by hand on small texts, and against a whole place and route (slow)."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_chips import small_network
from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.hw.ecp5.build import DataflowOptions, build_dataflow
from owlbit.hw.ecp5.dataflow.generate import RTL
from owlbit.hw.ecp5.dataflow.geometry import legal_foldings
from owlbit.hw.ecp5.exchange import exchange_weights
from owlbit.hw.ecp5.flow.place_and_route import place_and_route
from owlbit.hw.ecp5.flow.synthesise import CELLS
from owlbit.hw.ecp5.folding_file import Folding, LayerFolding, weighted_layers
from owlbit.hw.ecp5.parts import find_part
from owlbit.hw.ecp5.simulate import simulate_build_netlist
from owlbit.hw.ecp5.weights_only import Configuration, Contents, SwapError, block_words, compare, permuted, read_netlist
from owlbit.hw.reference import simulate
from random_networks import random_images

INITIALS = [f"INITVAL_{index:02X}" for index in range(64)]


def lut(init: int, **extra: Any) -> dict[str, Any]:
    parameters = {"INIT": f"{init:016b}"}
    return {"type": "LUT4", "parameters": parameters, "connections": {"A": [2], "B": [3], "C": [4], "D": [5], "Z": [6]}, **extra}


def block(words: list[int], width: int = 9) -> dict[str, Any]:
    values = [sum((words[32 * k + 2 * r] | words[32 * k + 2 * r + 1] << 9) << 20 * r for r in range(16)) for k in range(64)]
    parameters = {key: f"{value:0320b}" for key, value in zip(INITIALS, values, strict=True)}
    return {"type": "DP16KD", "parameters": {**parameters, "DATA_WIDTH_A": f"{width:b}"}, "connections": {"CLKA": [2]}}


def some_words(seed: int) -> list[int]:
    return [int(word) for word in np.random.default_rng(seed).integers(0, 512, 2048)]


def routed(table: int, words: list[int]) -> dict[str, Any]:
    """A table at SLICEB.K1 of column 7, row 10, whose inputs A and B are exchanged, and a block RAM that is number 3."""
    pips = "X7/Y10/0_0_B3->0_0_A3_SLICE;1;X7/Y10/0_0_V02N0301->0_0_B3;1;"
    cell = {"type": "TRELLIS_COMB", "parameters": {"INITVAL": f"{table:016b}"}, "attributes": {"NEXTPNR_BEL": "X7/Y10/SLICEB.K1"}}
    texts = {"a": {"ROUTING": pips}, "b": {"ROUTING": "X7/Y10/0_0_A3->0_0_B3_SLICE;1"}, "c": {}}
    nets = {name: {"attributes": text} for name, text in texts.items()}
    memory = {**block(words), "attributes": {"WID": "00000011"}}
    return {"cells": {"rom": cell, "memory": memory}, "netnames": nets}


def config(table: int, words: list[int]) -> str:
    rows = [" ".join(f"{word:03x}" for word in words[at : at + 8]) for at in range(0, 2048, 8)]
    tile = [".tile R10C7:PLC2", "arc: A3 V02N0301", "word: SLICEA.K0.INIT 0101010101010101", f"word: SLICEB.K1.INIT {table:016b}"]
    return "\n".join([".device LFE5U-25F", "", *tile, "", ".bram_init 3", *rows, ""])


def swapped_inputs(table: int) -> int:
    """The table with inputs A and B exchanged, entry by entry."""
    return sum((table >> (n & 12 | (n & 1) << 1 | n >> 1 & 1) & 1) << n for n in range(16))


def test_a_table_follows_its_inputs() -> None:
    rng = np.random.default_rng(1)
    for table in rng.integers(0, 1 << 16, 50).tolist():
        assert permuted(table, {}) == table
        assert permuted(table, {"A": "B", "B": "A"}) == swapped_inputs(table)
        turned = permuted(table, {"A": "B", "B": "C", "C": "D", "D": "A"})
        for entry in range(16):
            a, b, c, d = (entry >> place & 1 for place in range(4))
            assert turned >> entry & 1 == table >> (b | c << 1 | d << 2 | a << 3) & 1


def test_contents_are_exchanged_where_the_cells_lie_and_nothing_else() -> None:
    old, new = some_words(1), some_words(2)
    text = config(swapped_inputs(0x1234), old)
    found = Configuration(text, routed(0x1234, old))
    before, after = Contents({"rom": 0x1234}, {"memory": tuple(old)}), Contents({"rom": 0xBEEF}, {"memory": tuple(new)})
    found.require(before)
    found.exchange(after)
    found.require(after)
    assert found.text == config(swapped_inputs(0xBEEF), new)
    cells = found.routed["cells"]
    assert cells["rom"]["parameters"]["INITVAL"] == f"{0xBEEF:016b}"
    assert block_words([int(cells["memory"]["parameters"][key], 2) for key in INITIALS]) == tuple(new)


@pytest.mark.parametrize("fault", ["table", "word", "routed", "wires", "moved", "number", "lost"])
def test_a_configuration_that_is_not_the_build_s_is_noticed(fault: str) -> None:
    words = some_words(1)
    text, design = config(swapped_inputs(0x1234), words), routed(0x1234, words)
    if fault == "table":
        text = text.replace(f"{swapped_inputs(0x1234):016b}", f"{swapped_inputs(0x1234) ^ 0x40:016b}")
    elif fault == "word":
        changed = [*words[:777], words[777] ^ 1, *words[778:]]
        text = config(swapped_inputs(0x1234), changed)
    elif fault == "routed":
        design["cells"]["rom"]["parameters"]["INITVAL"] = f"{0x1235:016b}"
    elif fault == "wires":
        design["netnames"]["b"]["attributes"] = {}
    elif fault == "moved":
        design["cells"]["rom"]["attributes"]["NEXTPNR_BEL"] = "X7/Y10/SLICEB.K0"
    elif fault == "number":
        design["cells"]["memory"]["attributes"]["WID"] = "100"
    else:
        del design["cells"]["rom"]
    with pytest.raises(SwapError, match=r"expected the contents of (rom|memory) in the build's configuration"):
        Configuration(text, design).require(Contents({"rom": 0x1234}, {"memory": tuple(words)}))


def test_netlists_that_differ_in_more_than_contents_are_refused() -> None:
    old = {"rom": lut(1), "memory": block(some_words(1)), "same": lut(7), "note": {"type": "$scopeinfo"}}
    new = {"rom": lut(2), "memory": block(some_words(2)), "same": lut(7), "other": {"type": "$scopeinfo"}}
    before, after = compare(old, new)
    assert (before.tables, after.tables) == ({"rom": 1}, {"rom": 2})
    assert (before.blocks["memory"], after.blocks["memory"]) == (tuple(some_words(1)), tuple(some_words(2)))
    rewired = copy.deepcopy(new["rom"])
    rewired["connections"]["A"] = [9]
    for key, cell in (("rom", rewired), ("memory", block(some_words(2), 18)), ("new", lut(3))):
        with pytest.raises(SwapError, match=f"alone, got 1 other cells, {key}: some weights or thresholds are constants"):
            compare(old, {**new, key: cell})
    with pytest.raises(SwapError, match="got 1 other cells, rom"):
        compare(old, {key: cell for key, cell in new.items() if key != "rom"})


def test_files_that_are_no_netlists(tmp_path: Path) -> None:
    with pytest.raises(SwapError, match="found no such file; build it again"):
        read_netlist(tmp_path / "a.json", "top")
    for text in ("", "{}", '{"modules": {"top": {}}}', "[" * 5000):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(SwapError, match="expected a netlist of the build, found something else"):
            read_netlist(tmp_path / "a.json", "top")


# ---------------------------------------------------------------- with the tools

TOP = """module top (input wire clk, input wire [6:0] a, output reg [27:0] o);
  reg [6:0] r;
  wire [27:0] q;
  always @(posedge clk) begin
    r <= a;
    o <= q;
  end
  owl_lut_rom #(.WIDTH(8), .DEPTH(64), .BITS(6), .CONTENT(512'h{c512:x})) r64 (.address(r[5:0]), .q(q[7:0]));
  owl_lut_rom #(.WIDTH(4), .DEPTH(100), .BITS(7), .CONTENT(400'h{c400:x})) r100 (.address(r), .q(q[11:8]));
  owl_lut_rom #(.WIDTH(4), .DEPTH(40), .BITS(6), .CONTENT(160'h{c160:x})) r40 (.address(r[5:0]), .q(q[15:12]));
  owl_lut_rom #(.WIDTH(4), .DEPTH(3), .BITS(2), .CONTENT(12'h{c12:x})) r3 (.address(r[1:0]), .q(q[19:16]));
  owl_lut_rom #(.WIDTH(8), .DEPTH(32), .BITS(5), .CONTENT(256'h{c256:x})) r32 (.address(r[4:0]), .q(q[27:20]));
endmodule
"""


@pytest.mark.slow
def test_roms_of_any_depth_become_what_place_and_route_would_make(tmp_path: Path) -> None:
    """The exchanged configuration is, byte for byte, that of the other contents placed and routed."""
    results = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        numbers = {
            f"c{bits}": int.from_bytes(rng.bytes(bits // 8 + 1), "little") % (1 << bits) for bits in (512, 400, 160, 12, 256)
        }
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "top.v").write_text(TOP.format(**numbers))
        sources = [RTL / "owl_lut_rom.v", folder / "top.v"]
        results.append(place_and_route(sources, "top", find_part("ecp5-25f"), folder, 50.0, seeds=[1], defines=[CELLS]))
    first, second = (tmp_path / "1", tmp_path / "2")
    old, new = compare(*(read_netlist(each / "top.synth.json", "top")[1]["cells"] for each in (first, second)))
    assert len(new.tables) > 80
    found = Configuration(results[0].config.read_text(), read_netlist(results[0].netlist)[1])
    found.require(old)
    found.exchange(new)
    assert found.text == results[1].config.read_text()


def folded(network: Network, folder: Path) -> Path:
    """A folding file with weights in look-up tables and in block RAM, and more than one word of each."""
    layers = []
    for (index, _), memory in zip(weighted_layers(network), ("lut", "ebr"), strict=True):
        legal = legal_foldings(network, index)
        layers.append(LayerFolding(index, *legal[3], memory))
    Folding(tuple(layers)).save(folder / "folding.json", network)
    return folder / "folding.json"


@pytest.mark.slow
def test_a_board_s_build_with_other_weights_is_the_full_build(tmp_path: Path) -> None:
    """Configuration and bitstream are byte for byte those of the other network built whole, whose scores the routed netlist gives
    over its host link."""
    networks = [small_network(8, 8, seed=seed) for seed in (5, 6)]
    options = DataflowOptions(folding=folded(networks[0], tmp_path), clock_mhz=50.0, board="ulx3s")
    for name, network in zip("ab", networks, strict=True):
        (tmp_path / name).mkdir()
        build_dataflow(network, find_part("ecp5-25f"), tmp_path / name, options)
    (tmp_path / "x").mkdir()
    exchange_weights(networks[1], "ecp5-25f", tmp_path / "a", tmp_path / "x")
    for ending in ("config", "bit"):
        made, whole = (tmp_path / each / f"owl_chip.{ending}" for each in "xb")
        assert made.read_bytes() == whole.read_bytes() != (tmp_path / "a" / f"owl_chip.{ending}").read_bytes()
    records = [json.loads((tmp_path / each / "build.json").read_text()) for each in "xb"]
    for key in ("network", "target", "top", "used", "fmax_mhz", "inputs_sha256", "bit_bytes", "compressed_bytes"):
        assert records[0][key] == records[1][key], key
    assert (tmp_path / "x" / "network.bin").read_bytes() == (tmp_path / "b" / "network.bin").read_bytes()
    images = random_images(np.random.default_rng(2), networks[1], 2)
    np.testing.assert_array_equal(simulate_build_netlist(tmp_path / "x", networks[1], images).scores, simulate(networks[1], images))
    with pytest.raises(OwlbitError, match=r"expected a build for ecp5-45f in .*, found one for ecp5-25f; give its target"):
        exchange_weights(networks[1], "ecp5-45f", tmp_path / "a", tmp_path / "y")
    with pytest.raises(OwlbitError, match=r"another network|other layers"):
        exchange_weights(small_network(9, 9), "ecp5-25f", tmp_path / "a", tmp_path / "y")


@pytest.mark.slow
def test_the_netlist_of_a_build_with_other_weights_is_exact(tmp_path: Path) -> None:
    networks = [small_network(8, 8, seed=seed) for seed in (5, 6)]
    for each in ("a", "x"):
        (tmp_path / each).mkdir()
    build_dataflow(networks[0], find_part("ecp5-25f"), tmp_path / "a", DataflowOptions(folding=folded(networks[0], tmp_path)))
    exchange_weights(networks[1], "ecp5-25f", tmp_path / "a", tmp_path / "x")
    images = random_images(np.random.default_rng(2), networks[0], 3)
    for name, network in (("a", networks[0]), ("x", networks[1])):
        run = simulate_build_netlist(tmp_path / name, network, images)
        np.testing.assert_array_equal(run.scores, simulate(network, images))
    assert not np.array_equal(simulate(networks[0], images), simulate(networks[1], images))
