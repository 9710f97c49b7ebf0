"""The chip of a board around the pipeline of a real network: the Python client and the C driver over the simulated UART, exact."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from board_chips import small_network
from c_driver import build_c_driver
from owlbit.hw.ecp5.boards.board import load_ecp5_board
from owlbit.hw.ecp5.boards.chip import board_chip
from owlbit.hw.ecp5.dataflow.generate import generate
from owlbit.hw.ecp5.dataflow.geometry import legal_foldings
from owlbit.hw.ecp5.dataflow.plan import plan_dataflow
from owlbit.hw.ecp5.folding_file import Folding, LayerFolding, weighted_layers
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.chip_simulation import ChipSimulation, chip_executable, chip_on_terminal
from owlbit.hw.up5k.host.simulated_stream import SimulatedStream
from random_networks import random_images

pytestmark = pytest.mark.slow
OPTIONS = {"clock_khz": 25_000, "core_khz": 61_000, "baud": 115_200}
NETWORK = small_network(8, 8)


@pytest.fixture(scope="module")
def executable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution, its pool and the scores; RTL and hex files of the pipeline lie where the executable is run."""
    folder = tmp_path_factory.mktemp("pipeline")
    layers = []
    for index, _ in weighted_layers(NETWORK):
        legal = legal_foldings(NETWORK, index)
        layers.append(LayerFolding(index, *legal[len(legal) // 2], "lut"))
    generated = generate(plan_dataflow(NETWORK, Folding(tuple(layers))), folder)
    chip = board_chip(load_ecp5_board("ulx3s"), NETWORK, 60.0)
    return chip_executable([*generated.sources, *chip.sources], [*chip.defines, "OWL_SIM"])


def test_pushed_frames_self_test_and_a_reset_amid_a_frame(executable: Path) -> None:
    images = random_images(np.random.default_rng(3), NETWORK, 4)
    with ChipSimulation(executable, b"", options=OPTIONS) as chip:
        chip.run(30_000)
        device = SimulatedStream(chip).device()
        assert device.hello().self_test == "passed" and device.self_test().passed
        for frame, expected in zip(images, simulate(NETWORK, images), strict=True):
            np.testing.assert_array_equal(device.push(np.ascontiguousarray(frame)).scores, expected)
        chip.send(bytes.fromhex("a5840c00") + bytes(14))  # damaged: its checksum is wrong
        device.reset()
        np.testing.assert_array_equal(device.push(np.ascontiguousarray(images[0])).scores, simulate(NETWORK, images[:1])[0])
        assert chip.of_kind("fault") == []


def test_the_c_driver(executable: Path, tmp_path: Path) -> None:
    program = build_c_driver(tmp_path)
    frame = random_images(np.random.default_rng(5), NETWORK, 1)
    (tmp_path / "frame").write_bytes(frame[0].transpose(1, 2, 0).tobytes())

    def run(*words: object) -> str:
        done = subprocess.run([str(program), port, *map(str, words)], capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with chip_on_terminal(executable, b"", options=OPTIONS) as port:
        assert "ulx3s" in run("status") and "passed" in run("selftest")
        line = json.loads(run("push", tmp_path / "frame"))
        np.testing.assert_array_equal(line["scores"], simulate(NETWORK, frame)[0])
