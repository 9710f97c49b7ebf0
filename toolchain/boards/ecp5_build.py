"""A build folder for a board with an ECP5: read back, checked, and the commands that write its bitstream."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.hw.ecp5.boards.board import Ecp5Board, load_ecp5_board
from owlbit.hw.ecp5.build_folder import build_file, read_facts
from owlbit.hw.up5k.compiler.flash_format import NetworkImage, image_hash
from owlbit.toolchain.boards.build_parts import parse_network, read_parts


@dataclass(frozen=True)
class Ecp5Build:
    """`image`: of the network, as the chip tells it to its host; `sha256`: in it; `bit`: the bitstream, with the network in it."""

    folder: Path
    board: Ecp5Board
    image: NetworkImage
    sha256: str
    bit: Path

    def commands(self, memory: bool = False) -> list[list[str]]:
        """The words of the command of each of the board's programs that can: into the flash, or into the chip alone (`memory`)."""
        lines = [each.memory if memory else each.flash for each in self.board.programmer]
        return [[word.replace("{file}", str(self.bit)) for word in shlex.split(line)] for line in lines if line]


def read_ecp5_build(folder: Path) -> Ecp5Build:
    """Raises OwlbitError where the folder is no ECP5 build for a board, or a damaged one."""
    facts = read_facts(folder)
    if facts.board is None:
        raise OwlbitError(
            f"{folder}: expected a build for a board, got one for the bare part {facts.target}, whose pins are nobody's; "
            "`owlbit build MODEL --board NAME` makes one"
        )
    bit = build_file(folder, ".bit")
    content, alone = read_parts(bit)
    if facts.sha256.get(bit.name) != sha256(content).hexdigest():
        raise OwlbitError(f"{bit}: expected the bitstream that the build wrote, found other bytes; build it again")
    return Ecp5Build(folder, load_ecp5_board(facts.board), parse_network(folder, alone), image_hash(alone), bit)
