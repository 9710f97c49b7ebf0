"""docs/boards.md: its commands run in the order of the page, against the simulated chip of an iCESugar on a pseudo-terminal.

`icesprog` is the one program that is not real: the one here writes into a file, which is the simulated chip's flash.
"""

from __future__ import annotations

import contextlib
import functools
import json
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from board_chips import board_chip, frames_of, scenes
from code_blocks import DOCS, blocks
from command_line import owlbit
from owlbit.export.load_model import load_model
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.board import load_board
from owlbit.hw.up5k.chip_simulation import chip_on_terminal
from owlbit.hw.up5k.host.client import Device
from owlbit.toolchain.boards import diagnose, open_board

PORT = "/dev/ttyACM0"
PROGRAMMER = """#!{python}
import pathlib, sys
offset = int(sys.argv[2], 0) if sys.argv[1] == "-o" else 0
with open({flash!r}, "r+b") as flash:
    flash.seek(offset)
    flash.write(pathlib.Path(sys.argv[-1]).read_bytes())
"""


def commands_of(page: Path) -> list[list[str]]:
    """The words of every command on a page, without comments."""
    lines = [line for block in blocks(page) if block.language == "sh" for line in block.text.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def with_programmer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts `icesprog` on the path; the file that is its board's flash."""
    flash, tool = folder / "flash_chip", folder / "bin" / "icesprog"
    flash.write_bytes(b"\xff" * load_board("icesugar").flash.bytes)
    tool.parent.mkdir()
    tool.write_text(PROGRAMMER.format(python=sys.executable, flash=str(flash)))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{Path(sys.executable).parent}:/usr/bin:/bin")
    return flash


def run(words: list[str], flash: Path, pictures: NDArray[np.uint8]) -> str:
    """What a command of the page prints; one with the port talks to a chip that boots `flash`. `listen` ends after five frames."""
    options = {"clock_khz": 30_000, "camera": "hm01b0", "baud": 115_200}
    with contextlib.ExitStack() as stack:
        if PORT in words:
            chip = chip_on_terminal(board_chip("icesugar"), flash.read_bytes(), pictures=pictures, options=options)
            words = [stack.enter_context(chip) if word == PORT else word for word in words]
            words += ["--count", "5"] if words[1] == "listen" else []
        ended = owlbit(*words[1:])
    assert ended.code == 0, (words, ended)
    return ended.out


@pytest.mark.slow
def test_the_commands_run_on_the_simulated_chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but `bitstream` and what follows from it; see the next test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(open_board, "Device", functools.partial(Device, clock=lambda: time.monotonic() / 60))  # the chip is slower
    monkeypatch.setattr(diagnose, "WATCH_S", 0.4)
    flash, pictures = with_programmer(tmp_path, monkeypatch), scenes("hm01b0", 5, seed=3)
    for block in blocks(DOCS / "boards.md"):
        if block.title:
            (tmp_path / block.title).write_text(block.text)
    printed = {words[1]: run(words, flash, pictures) for words in commands_of(DOCS / "boards.md") if "myboard.toml" not in words}
    assert set(printed) == {"build", "flash", "selftest", "listen"}
    assert (tmp_path / "builds/digits/flash.bin").read_bytes() in flash.read_bytes()
    assert "chip and camera work" in printed["selftest"]
    network = load_model(tmp_path / "builds/digits/network.npz")
    expected = simulate(network, frames_of(pictures, network))
    lines = [json.loads(line) for line in printed["listen"].splitlines()]
    assert len(lines) == 5
    for line in lines:
        assert line["scores"] == expected[line["frame"] % len(pictures)].tolist()


@pytest.mark.slow
def test_a_board_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places and routes, which takes minutes."""
    monkeypatch.chdir(tmp_path)
    board = load_board("icesugar").file.read_text(encoding="utf-8")
    (tmp_path / "myboard.toml").write_text(board.replace('name = "icesugar"', 'name = "myboard"').replace("wake = 36", "wake = 37"))
    for words in commands_of(DOCS / "boards.md"):
        if "myboard.toml" in words:
            ended = owlbit(*words[1:])
            assert ended.code == 0, (words, ended)
    report = json.loads((tmp_path / "builds/mine/build.json").read_text())
    assert Path(report["board"]).name == "myboard.toml"
