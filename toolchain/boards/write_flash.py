"""`owlbit flash`: writes a build into the flash of its board, by the first of the board's programs that is installed."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.files import read_limited
from owlbit.export.limits import FLASH_BYTES
from owlbit.hw.up5k.board import Board, Programmer, load_board
from owlbit.hw.up5k.board_flash import write_command
from owlbit.hw.up5k.build import BUILD, FLASH, NETWORK_PART, read_build_facts
from owlbit.hw.up5k.compiler.flash_format import NetworkImage, image_hash, read_image


@dataclass(frozen=True)
class BoardBuild:
    """A build folder that is for a board."""

    folder: Path
    board: Board
    image: NetworkImage
    sha256: str

    def command(self, programmer: Programmer, network_alone: bool) -> list[str]:
        """The words of the command that writes it. Raises BoardError where the program cannot."""
        return write_command(self.board, programmer, self.folder / (NETWORK_PART if network_alone else FLASH), network_alone)


def read_build(folder: Path) -> BoardBuild:
    """Raises OwlbitError where the folder is no build for a board, or one whose flash image is damaged."""
    try:
        facts = read_build_facts(folder)
    except FileNotFoundError:
        raise OwlbitError(
            f"{folder}: expected a build folder, found no {BUILD} in it; `owlbit build MODEL --board NAME` makes one"
        ) from None
    offset = facts.network_offset
    if facts.board is None or offset is None:
        raise OwlbitError(
            f"{folder}: expected a build for a board, got one for the bare engine; `owlbit build MODEL --board NAME` makes one"
        )
    board = load_board(facts.board)
    if offset != board.flash.network_offset:
        raise OwlbitError(
            f"{folder}: expected the network at {board.flash.network_offset:#x}, where the board {board.name} has it now, "
            f"got {offset:#x}; build it again"
        )
    try:
        flash, alone = read_limited(folder / FLASH, FLASH_BYTES), read_limited(folder / NETWORK_PART, FLASH_BYTES)
    except OSError as error:
        raise OwlbitError(
            f"{error.filename}: expected a file of the build, could not read it ({error.strerror}); build it again"
        ) from None
    if flash[offset:] != alone:
        raise OwlbitError(f"{folder}: expected one network in {FLASH} and {NETWORK_PART}, got two; build it again")
    try:
        image = read_image(alone)
    except OwlbitError as error:
        raise OwlbitError(f"{folder / NETWORK_PART}: {error}") from None
    return BoardBuild(folder, board, image, image_hash(alone))


def choose_programmer(board: Board, wanted: str | None = None, network_alone: bool = False) -> Programmer:
    """The first program of the board that is on the path, or the `wanted` one. Raises OwlbitError where there is none."""
    able = [each for each in board.programmer if each.network or not network_alone] or list(board.programmer)
    if wanted is not None:
        able = [each for each in board.programmer if each.tool == wanted]
        if not able:
            known = ", ".join(each.tool for each in board.programmer)
            raise OwlbitError(f"--tool: expected one of {known} for the board {board.name}, got {wanted!r}")
    for each in able:
        if shutil.which(each.tool):
            return each
    tools = " or ".join(each.tool for each in able)
    raise OwlbitError(f"board {board.name}: expected {tools} on the path, found none; install one")


def write_flash(
    build: BoardBuild,
    programmer: Programmer,
    network_alone: bool,
    run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run,
) -> str:
    """Writes the flash; the command that did it. Raises OwlbitError where the program fails."""
    words = build.command(programmer, network_alone)
    done = run(words, check=False)
    if done.returncode:
        raise OwlbitError(
            f"{programmer.tool} ended with status {done.returncode}: the flash may be half-written; check that the board "
            f"{build.board.name} is plugged in and that you may use its USB device, and write it again: {shlex.join(words)}"
        )
    return shlex.join(words)
