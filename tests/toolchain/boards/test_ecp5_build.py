"""Builds for boards with an ECP5: the commands that write them, what is refused, and `selftest` on a simulated chip."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from command_line import owlbit
from ecp5_chips import Ecp5Rig, ecp5_build, ecp5_rig
from owlbit.export.errors import OwlbitError
from owlbit.hw.ecp5.boards.board import load_ecp5_board
from owlbit.hw.up5k.host.simulated_stream import SimulatedStream
from owlbit.hw.verilator import missing_tools
from owlbit.toolchain.boards.any_board import all_boards, find_board
from owlbit.toolchain.boards.diagnose import RIGHT, WRONG, diagnose
from owlbit.toolchain.boards.ecp5_build import Ecp5Build
from owlbit.toolchain.boards.listen import push_images
from owlbit.toolchain.boards.write_flash import read_build
from random_networks import random_images

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Ecp5Rig:
    return ecp5_rig(tmp_path_factory.mktemp("chip"))


@pytest.fixture
def build(rig: Ecp5Rig, tmp_path: Path) -> Path:
    return ecp5_build(tmp_path / "build", rig)


def test_the_commands_and_the_program_that_is_found(build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bit = build / "owl_chip.bit"
    assert owlbit("flash", str(build), "--dry-run").out == f"openFPGALoader -b ulx3s -f {bit}\nfujprog -j flash {bit}\n"
    assert owlbit("flash", str(build), "--dry-run", "--memory", "--tool", "fujprog").out == f"fujprog {bit}\n"
    tool, log = tmp_path / "fujprog", tmp_path / "called"
    tool.write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    ended = owlbit("flash", str(build))
    assert ended.code == 0 and log.read_text() == f"-j flash {bit}\n"


def test_what_is_refused(build: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*arguments: str) -> str:
        ended = owlbit("flash", str(build), *arguments)
        assert ended.code == 2 and ended.err.count("\n") == 1
        return ended.err

    assert "--network: expected a build whose network is data, got one for an ECP5" in refused("--network")
    assert "--tool: expected one of openFPGALoader, fujprog for the board ulx3s" in refused("--tool", "iceprog")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "expected openFPGALoader or fujprog on the path, found none" in refused()
    (build / "owl_chip.bit").write_bytes(b"bitstrEam" * 100)
    assert "owl_chip.bit: expected the bitstream that the build wrote, found other bytes" in refused("--dry-run")
    (build / "build.json").write_text(json.dumps({"target": "ecp5-45f", "circuit": "dataflow", "top": "owl_dataflow"}))
    assert "expected a build for a board, got one for the bare part ecp5-45f" in refused("--dry-run")


def test_a_board_without_such_a_program(rig: Ecp5Rig, tmp_path: Path) -> None:
    build = ecp5_build(tmp_path / "b", replace(rig, board=load_ecp5_board("orangecrab")))
    ended = owlbit("flash", str(build), "--memory")
    assert "--memory: expected a program of the board orangecrab that loads the chip alone, it has none" in ended.err


def test_boards_of_both_kinds_are_found(tmp_path: Path) -> None:
    assert [board.name for board in all_boards()] == sorted(
        (board.name for board in all_boards()), key=lambda name: (name in ("colorlight-i9", "orangecrab", "ulx3s"), name)
    )
    for board in all_boards():
        assert find_board(board.name) == board
        copy = tmp_path / f"{board.name}.toml"
        copy.write_text(board.file.read_text())
        assert find_board(copy).title == board.title
    with pytest.raises(OwlbitError, match=r"expected one of icebreaker, .*ulx3s, or a file of your own"):
        find_board("fomu")
    assert "expected a board with an iCE40, whose wiring is drawn" in owlbit("boards", "draw", "ulx3s", str(tmp_path / "w.svg")).err


def test_selftest_and_pushed_images_on_the_simulated_chip(rig: Ecp5Rig, build: Path) -> None:
    """`diagnose` and `push_images` are what `owlbit selftest` and `owlbit listen --push` call with an open port."""
    found = read_build(build)
    assert isinstance(found, Ecp5Build) and found.board.name == "ulx3s"
    with rig.start() as chip:
        chip.run(2_000)
        device = SimulatedStream(chip).device()
        verdicts = {each.check: each.verdict for each in diagnose(device, found, rig.network)}
        assert verdicts == {
            "link": RIGHT,
            "flash": RIGHT,
            "self-test": RIGHT,
            "pushed frames": RIGHT,
            "camera": "not run",
            "verdict": RIGHT,
        }
        images = random_images(np.random.default_rng(1), rig.network, 3)
        lines = list(push_images(device, images, ["a", "b", "c"], rig.network))
        assert [line["equal"] for line in lines] == [True] * 3
        other = Ecp5Build(found.folder, found.board, found.image, "0" * 64, found.bit)
        verdicts = {each.check: each.verdict for each in diagnose(device, other, rig.network)}
        assert verdicts["flash"] == WRONG
