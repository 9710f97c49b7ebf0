"""The engine reads nothing that a reset or a write has not set: whatever its registers and memories hold at first, it is exact."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from owlbit.export.network import Network, OrPool, Scores
from owlbit.hw import reference
from owlbit.hw.up5k.bitstream.plan import TOP, rtl_headers, rtl_sources
from owlbit.hw.up5k.build import compile_flash
from owlbit.hw.up5k.simulate import BENCH, ChipError, ChipRun, run_chip, simulate_rtl
from owlbit.hw.verilator import RANDOM_INITIAL, missing_tools, verilate
from owlbit.toolchain.runs.untrained_network import random_bits
from random_networks import random_conv, random_images, random_thermometer

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")
SEEDS = range(1, 9)


@pytest.fixture(scope="module")
def network() -> Network:
    """Groups of 16 and of 64 channels, pads, a pool, inert channels, scores."""
    rng = np.random.default_rng(2)
    first = random_conv(rng, (8, 7, 6), 64, 1, (3, 3), (1, 1), (1, 1, 1, 1))
    second = random_conv(rng, (64, 7, 6), 36, 4, (3, 3), (1, 1), (1, 1, 1, 1))
    scores = Scores(random_bits(rng, 5, 36 * 3 * 3))
    return Network((1, 7, 6), (random_thermometer(rng, 1, 8, True), first, second, OrPool(), scores))


@pytest.fixture(scope="module")
def images(network: Network) -> NDArray[np.uint8]:
    return random_images(np.random.default_rng(3), network, 2)


def run(chip: Path, network: Network, images: NDArray[np.uint8], seed: int, max_cycles: int = 10**6) -> ChipRun:
    flash = compile_flash(network)
    return run_chip(chip, flash, network, images, max_cycles=max_cycles, initial_seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_registers_and_memories(network: Network, images: NDArray[np.uint8], seed: int) -> None:
    chip = verilate(rtl_sources(), TOP, BENCH, options=RANDOM_INITIAL, optimisation="-O1")
    started = run(chip, network, images, seed)
    np.testing.assert_array_equal(started.scores, reference.simulate(network, images))
    usual = simulate_rtl(compile_flash(network), network, images)
    assert (started.boot_cycles, started.latency_cycles, started.cycles_per_frame) == (
        usual.boot_cycles,
        usual.latency_cycles,
        usual.cycles_per_frame,
    )


def test_a_missing_reset_is_noticed(network: Network, images: NDArray[np.uint8], tmp_path: Path) -> None:
    """Without the reset of the encoder's position in its table, some seeds give other scores or none."""
    for path in [*rtl_headers(), *rtl_sources()]:
        shutil.copy(path, tmp_path)
    encoder = tmp_path / "owl_encoder.v"
    text = encoder.read_text(encoding="utf-8")
    assert text.count("      index <= FIRST;\n") == 1
    encoder.write_text(text.replace("      index <= FIRST;\n", ""))
    chip = verilate([tmp_path / path.name for path in rtl_sources()], TOP, BENCH, options=RANDOM_INITIAL, optimisation="-O1")
    expected, wrong = reference.simulate(network, images), 0
    for seed in SEEDS:
        try:
            wrong += bool((run(chip, network, images, seed).scores != expected).any())
        except ChipError:
            wrong += 1
    assert wrong > 0
