"""Builds for a board and `owlbit flash`: the bytes, the commands that are run, and everything that is refused."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

import owlbit as package
from board_builds import BITSTREAM, gray_network, make_board, make_build
from command_line import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network, Scores
from owlbit.export.network_file import save_network
from owlbit.hw.up5k.board import load_board
from owlbit.hw.up5k.build import engine_flash, flash_content
from owlbit.hw.up5k.compiler.flash_format import image_hash, read_image
from owlbit.toolchain.boards.write_flash import read_build
from owlbit.toolchain.runs.untrained_network import random_bits
from random_networks import random_thermometer


def flat_network(shape: tuple[int, int, int]) -> Network:
    rng = np.random.default_rng(0)
    return Network(shape, (random_thermometer(rng, shape[0], 1, True), Scores(random_bits(rng, 2, int(np.prod(shape))))))


def fake_tool(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "icesprog", status: int = 0) -> Path:
    """A program on the path that writes down how it was called."""
    log = folder / "called"
    folder.joinpath("bin").mkdir(exist_ok=True)
    tool = folder / "bin" / name
    tool.write_text(f'#!/bin/sh\necho "$0" "$@" >> {log}\nexit {status}\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")
    return log


def test_a_build_holds_bitstream_network_and_policy(tmp_path: Path) -> None:
    (tmp_path / "wake.toml").write_text("[wake]\nmargin = 7\nneeded = 2\nof = 4\nhold_off_frames = 11\n")
    build = make_build(tmp_path, wake=tmp_path / "wake.toml")
    flash, alone = (build / "flash.bin").read_bytes(), (build / "network.bin").read_bytes()
    assert flash == BITSTREAM.ljust(0x20000, b"\xff") + alone
    policy = read_image(alone).policy
    assert (policy.needed, policy.of, policy.margin, policy.hold_off_frames) == (2, 4, 7, 11)
    report = json.loads((build / "build.json").read_text())
    assert (report["clock_hz"], report["network_offset"], report["camera"]) == (30_000_000, 0x20000, "hm01b0")
    assert report["flash_bytes"] == len(flash)
    assert report["network_sha256"] == image_hash(alone)
    assert engine_flash(build / "flash.bin") == flash


def test_without_a_file_the_policy_is_that_of_sense(tmp_path: Path) -> None:
    policy = read_build(make_build(tmp_path)).image.policy
    assert (policy.needed, policy.of, policy.margin, policy.hold_off_frames, policy.quiet) == (3, 5, 60, 60, ())


def test_a_network_elsewhere_in_the_flash_is_verified_at_the_engine_s_place(tmp_path: Path) -> None:
    board = make_board(tmp_path, **{"network_offset = 0x20000": "network_offset = 0x40000"})
    save_network(gray_network(), tmp_path / "network.npz")
    build = package.build(tmp_path / "network.npz", tmp_path / "build", board=board)
    alone = (build / "network.bin").read_bytes()
    assert (build / "flash.bin").read_bytes() == BITSTREAM.ljust(0x40000, b"\xff") + alone
    assert engine_flash(build / "flash.bin") == flash_content(alone)


def test_the_command_tells_how_to_write_it(tmp_path: Path) -> None:
    make_board(tmp_path)
    save_network(gray_network(), tmp_path / "network.npz")
    started = time.perf_counter()
    ended = owlbit("build", f"{tmp_path}/network.npz", "--board", f"{tmp_path}/mine.toml", "--out", f"{tmp_path}/b")
    assert ended.code == 0, ended.err
    assert "wake-up: 3 of 5 frames agree, each by a margin of 60; then none for 60 frames\n" in ended.out
    assert f"whole flash:   icesprog {tmp_path}/b/flash.bin" in ended.out
    assert f"network alone: icesprog -o 0x20000 {tmp_path}/b/network.bin" in ended.out
    assert time.perf_counter() - started < 30  # takes under a second by itself; a placement would take minutes


def test_flash_runs_the_program_that_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build, log = make_build(tmp_path), fake_tool(tmp_path, monkeypatch)
    assert owlbit("flash", str(build)).code == 0
    assert owlbit("flash", str(build), "--network").code == 0
    calls = log.read_text().splitlines()
    assert [call.split("icesprog ", 1)[1] for call in calls] == [f"{build}/flash.bin", f"-o 0x20000 {build}/network.bin"]
    ended = owlbit("flash", str(build), "--dry-run")
    assert ended.out == f"icesprog {build}/flash.bin\n"
    assert len(log.read_text().splitlines()) == 2


def test_what_flash_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = make_build(tmp_path)

    def refused(*arguments: str) -> str:
        ended = owlbit("flash", str(build), *arguments)
        assert ended.code == 2
        assert ended.err.count("\n") == 1
        return ended.err

    monkeypatch.setenv("PATH", str(tmp_path))
    assert "board mine: expected icesprog on the path, found none; install one" in refused()
    assert "--tool: expected one of icesprog for the board mine, got 'iceprog'" in refused("--tool", "iceprog")
    fake_tool(tmp_path, monkeypatch, status=3)
    assert "icesprog ended with status 3: the flash may be half-written" in refused()
    alone = build / "network.bin"
    whole = alone.read_bytes()
    alone.write_bytes(whole[:-9])
    assert "expected one network in flash.bin and network.bin, got two" in refused()
    (build / "flash.bin").write_bytes(BITSTREAM.ljust(0x20000, b"\xff") + whole[:-9])
    assert "so it was cut off; write it again" in refused()
    alone.unlink()
    assert "expected a file of the build, could not read it (No such file" in refused()


def test_builds_for_no_board_are_refused(tmp_path: Path) -> None:
    save_network(gray_network(), tmp_path / "network.npz")
    bare = package.build(tmp_path / "network.npz", tmp_path / "bare")
    with pytest.raises(OwlbitError, match="expected a build for a board, got one for the bare engine"):
        read_build(bare)
    with pytest.raises(OwlbitError, match=r"expected a build folder, found no build\.json in it"):
        read_build(tmp_path)
    (bare / "build.json").write_text("nothing")
    with pytest.raises(OwlbitError, match="expected what `owlbit build` writes, got something else"):
        read_build(bare)


def test_networks_that_do_not_fit_the_board_are_refused(tmp_path: Path) -> None:
    def refused(network: Network, message: str, **edits: str) -> None:
        save_network(network, tmp_path / "network.npz")
        board = make_board(tmp_path, **edits)
        with pytest.raises(OwlbitError, match=message):
            package.build(tmp_path / "network.npz", tmp_path / "out", board=board)
        assert not (tmp_path / "out").exists()

    refused(flat_network((3, 8, 8)), "board mine: expected a network for gray images, which are what its camera gives, got 3")
    refused(flat_network((1, 256, 8)), "expected a network of at most 240 rows and 320 columns, as its camera gives, got 256 and 8")
    small = {"bytes = 8388608": "bytes = 131080", "network_offset = 0x20000": "network_offset = 131072"}
    refused(gray_network(), r"expected a flash of at least \d+ bytes, 131072 for the bitstream and \d+ for the network", **small)
    save_network(gray_network(), tmp_path / "network.npz")
    board = make_board(tmp_path)
    board.with_suffix(".bin").unlink()
    with pytest.raises(OwlbitError, match=r"board mine: expected its bitstream .*mine\.bin, found none; `owlbit bitstream "):
        package.build(tmp_path / "network.npz", tmp_path / "out", board=board)
    board.with_suffix(".bin").write_bytes(bytes(0x20001))
    with pytest.raises(OwlbitError, match="expected a bitstream of at most 131072 bytes"):
        package.build(tmp_path / "network.npz", tmp_path / "out", board=board)
    with pytest.raises(OwlbitError, match="board 'ulx3s': expected one of icebreaker"):
        package.build(tmp_path / "network.npz", tmp_path / "out", board="ulx3s")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'tool = "icesprog"',
            'tool = "rm"',
            "programmer.tool: expected one of icesprog, iceprog, openFPGALoader, dfu-util, got",
        ),
        ('all = "icesprog {file}"', 'all = "sh -c {file}"', "expected a command of icesprog with {file} in it, got 'sh -c {file}'"),
        ('all = "icesprog {file}"', 'all = "icesprog"', "expected a command of icesprog with {file} in it, got 'icesprog'"),
    ],
)
def test_only_programs_that_write_flashes_are_run(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(OwlbitError) as caught:
        load_board(make_board(tmp_path, **{old: new}))
    assert message in str(caught.value)
