"""`owlbit flash`: writes a build into the flash of its board, by the first of the board's programs that is installed."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.hw.ecp5.build_folder import is_ecp5_build
from owlbit.hw.up5k.board import Board, Programmer, load_board
from owlbit.hw.up5k.board_flash import write_command
from owlbit.hw.up5k.build import BUILD, FLASH, NETWORK_PART, read_build_facts
from owlbit.hw.up5k.compiler.flash_format import NetworkImage, image_hash
from owlbit.toolchain.boards.build_parts import parse_network, read_parts
from owlbit.toolchain.boards.ecp5_build import Ecp5Build, read_ecp5_build


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


AnyBuild = BoardBuild | Ecp5Build


def read_build(folder: Path) -> AnyBuild:
    """Raises OwlbitError where the folder is no build for a board, or one whose flash image or bitstream is damaged."""
    if is_ecp5_build(folder):
        return read_ecp5_build(folder)
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
    flash, alone = read_parts(folder / FLASH)
    if flash[offset:] != alone:
        raise OwlbitError(f"{folder}: expected one network in {FLASH} and {NETWORK_PART}, got two; build it again")
    return BoardBuild(folder, board, parse_network(folder, alone), image_hash(alone))


def programs(build: AnyBuild, network_alone: bool = False, memory: bool = False, wanted: str | None = None) -> list[list[str]]:
    """The words of the commands that write a build, in the order of the board's programs; of the `wanted` program alone.

    `network_alone`: of an iCE40, not its bitstream. `memory`: of an ECP5, into the chip until it loses power. Raises OwlbitError
    where the build has no such part, or no program of the board writes it.
    """
    if isinstance(build, Ecp5Build):
        if network_alone:
            raise OwlbitError(
                "--network: expected a build whose network is data, got one for an ECP5, which has the weights in its bitstream; "
                "leave --network out"
            )
        found = build.commands(memory)
    else:
        if memory:
            raise OwlbitError("--memory: expected a build for an ECP5, got one for an iCE40, which boots from flash; leave it out")
        able = [each for each in build.board.programmer if each.network or not network_alone or each.tool == wanted]
        found = [build.command(each, network_alone) for each in able or build.board.programmer[:1]]
    if wanted is not None:
        known = ", ".join(each.tool for each in build.board.programmer)
        found = [words for words in found if words[0] == wanted]
        if wanted not in known.split(", "):
            raise OwlbitError(f"--tool: expected one of {known} for the board {build.board.name}, got {wanted!r}")
    if not found:
        raise OwlbitError(f"--memory: expected a program of the board {build.board.name} that loads the chip alone, it has none")
    return found


def first_installed(build: AnyBuild, commands: list[list[str]]) -> list[str]:
    """The first of the commands whose program is on the path. Raises OwlbitError where there is none."""
    for words in commands:
        if shutil.which(words[0]):
            return words
    tools = " or ".join(words[0] for words in commands)
    raise OwlbitError(f"board {build.board.name}: expected {tools} on the path, found none; install one")


def run_program(build: AnyBuild, words: list[str], run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run) -> None:
    """Writes the flash by a command of `programs`. Raises OwlbitError where it fails."""
    done = run(words, check=False)
    if done.returncode:
        raise OwlbitError(
            f"{words[0]} ended with status {done.returncode}: the flash may be half-written; check that the board "
            f"{build.board.name} is plugged in and that you may use its USB device, and write it again: {shlex.join(words)}"
        )
