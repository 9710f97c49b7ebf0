"""The C driver's Linux example against the simulated chip, over a pseudo-terminal as over a serial port."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from board_chips import POLICY, board_chip, flash_of, frames_of, rig, scenes
from c_driver import build_c_driver
from chip_golden import Golden
from chip_host import Result
from owlbit.hw.up5k.chip_simulation import chip_on_terminal


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as it is, but for a slow clock: the chip's time runs slower than the world's."""
    return build_c_driver(tmp_path_factory.mktemp("c"))


def run(program: Path, port: str, *words: object) -> str:
    done = subprocess.run([str(program), port, *map(str, words)], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def same(line: str, expected: Result) -> bool:
    """Whether a line of the example says what the golden model does."""
    got = json.loads(line)
    return (got["class"], got["margin"], tuple(got["scores"])) == (expected.decision, expected.margin, expected.scores)


@pytest.mark.slow
def test_the_c_driver_talks_to_the_chip(program: Path, tmp_path: Path) -> None:
    board = rig()
    pictures = scenes("hm01b0", 3, seed=4)
    frame = np.random.default_rng(5).integers(0, 256, (1, 1, 16, 16), dtype=np.uint8)
    (tmp_path / "frame").write_bytes(frame.tobytes())
    options = {"clock_khz": 30_000, "camera": "hm01b0", "baud": 115_200}
    flash = flash_of(board.board, board.network)
    golden = Golden(board.network, POLICY)
    with chip_on_terminal(board_chip("icesugar"), flash, pictures=pictures, options=options) as port:
        shown = golden.results(frames_of(pictures, board.network))
        lines = run(program, port, "listen", 4).splitlines()
        assert len(lines) == 4
        for line in lines:
            assert same(line, shown[json.loads(line)["frame"] % 3])
        assert "self-test 1" in run(program, port, "status") and "icesugar" in run(program, port, "status")
        assert "passed" in run(program, port, "selftest")
        assert same(run(program, port, "push", tmp_path / "frame"), golden.results(frame)[0])
        run(program, port, "wake", 1, 2, 7, 3)
