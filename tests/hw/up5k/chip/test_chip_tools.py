"""`owlbit selftest` and `owlbit listen` against the simulated chip on a pseudo-terminal: a right board, and faults told apart."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from board_builds import gray_network, make_build
from board_chips import before_network, board_chip, frames_of, scenes, with_crc
from command_line import owlbit
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.board import load_board
from owlbit.hw.up5k.chip_simulation import chip_on_terminal
from owlbit.hw.up5k.host.client import Device
from owlbit.toolchain.boards import diagnose, open_board

pytestmark = pytest.mark.slow
NETWORK = gray_network(7)
BOARD = load_board("icesugar")
PICTURES = scenes("hm01b0", 5, seed=3)


@pytest.fixture(autouse=True)
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools wait by a clock that runs, like the simulated chip, slower than the world's."""
    monkeypatch.setattr(open_board, "Device", functools.partial(Device, clock=lambda: time.monotonic() / 60))
    monkeypatch.setattr(diagnose, "WATCH_S", 0.4)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build(tmp_path_factory.mktemp("board"), NETWORK)


@contextmanager
def chip(build: Path, flash: bytes | None = None, **options: object) -> Iterator[str]:
    content = flash or before_network(BOARD) + (build / "network.bin").read_bytes()
    settings = {"clock_khz": 30_000, "camera": "hm01b0", "baud": 115_200, **options}
    with chip_on_terminal(board_chip("icesugar"), content, pictures=PICTURES, options=settings) as port:
        yield port


def test_listen_prints_what_the_reference_says(build: Path) -> None:
    with chip(build) as port:
        ended = owlbit("listen", port, "--build", str(build), "--count", "5")
    assert ended.code == 0, ended.err
    scores = simulate(NETWORK, frames_of(PICTURES, NETWORK))
    for line in map(json.loads, ended.out.splitlines()):
        assert line["scores"] == scores[line["frame"] % len(PICTURES)].tolist()


def test_pushed_images_equal_the_simulator(build: Path, tmp_path: Path) -> None:
    rows, columns = NETWORK.input_shape[1:]
    picture: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (rows, columns), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "owl.png")
    with chip(build) as port:
        ended = owlbit("listen", port, "--build", str(build), "--push", str(tmp_path / "owl.png"))
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["equal"] is True


def test_a_right_board(build: Path) -> None:
    with chip(build) as port:
        ended = owlbit("selftest", port, "--build", str(build))
    assert ended.code == 0, ended
    assert "chip and camera work" in ended.out


def test_a_missing_camera_is_the_cameras_fault(build: Path) -> None:
    with chip(build, absent=1) as port:
        ended = owlbit("selftest", port, "--build", str(build))
    assert ended.code == 1
    assert "the chip computes correctly, but the camera fails" in ended.out


def test_wrong_scores_are_the_chips_fault(build: Path) -> None:
    flash = bytearray(before_network(BOARD) + (build / "network.bin").read_bytes())
    _, rows, columns = NETWORK.input_shape
    flash[len(flash) - 4 - rows * columns - 1] ^= 0x04  # of the last class's expected score
    with chip(build, with_crc(flash, BOARD.flash.network_offset)) as port:
        ended = owlbit("selftest", port)
    assert ended.code == 1
    assert "the chip computes wrong scores" in ended.out
