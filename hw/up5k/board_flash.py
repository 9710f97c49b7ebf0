"""The flash of a board for one network: whether the network fits camera and flash, the bytes, and the commands that write them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from owlbit.export.files import read_limited
from owlbit.export.guard import reading
from owlbit.export.limits import TEXT_BYTES
from owlbit.export.network import Network
from owlbit.hw.up5k.board import BOARDS, PICTURE, Board, BoardError, Programmer
from owlbit.hw.up5k.camera_frame import square_side


def check_camera(board: Board, network: Network) -> None:
    """Raises BoardError where the board's camera gives no colour, or fewer pixels than the network takes."""
    if board.camera is None:
        return
    colours, rows, columns = network.input_shape
    if colours != 1:
        raise BoardError(
            f"board {board.name}: expected a network for gray images, which are what its camera gives, got {colours} colours; "
            "take a board without camera, whose host sends the pixels, or train on gray images"
        )
    width, height = PICTURE
    if rows > height or columns > width:
        raise BoardError(
            f"board {board.name}: expected a network of at most {height} rows and {width} columns, as its camera gives, "
            f"got {rows} and {columns}"
        )


def board_flash(board: Board, image: bytes) -> bytes:
    """The whole flash from address 0: the board's bitstream, blank bytes (0xFF), the network.

    Raises BoardError where the board has no bitstream or its flash is too small.
    """
    path, offset = board.bitstream, board.flash.network_offset
    if not path.is_file():
        raise BoardError(
            f"board {board.name}: expected its bitstream {path}, found none; `owlbit bitstream {_given(board)}` makes it once, in "
            "minutes"
        )
    bitstream = path.read_bytes()
    if len(bitstream) > offset:
        raise BoardError(
            f"board {board.name}: expected a bitstream of at most {offset} bytes, as far as the network's place in the flash, "
            f"got {len(bitstream)}; raise flash.network_offset"
        )
    if offset + len(image) > board.flash.bytes:
        raise BoardError(
            f"board {board.name}: expected a flash of at least {offset + len(image)} bytes, {offset} for the bitstream and "
            f"{len(image)} for the network, got {board.flash.bytes}; take a smaller network"
        )
    return bitstream.ljust(offset, b"\xff") + image


def bitstream_facts(board: Board) -> dict[str, Any] | None:
    """The content of NAME.json beside a board's bitstream, {} without it; None if the board has no bitstream yet.

    Raises BoardError where that file is no report of place and route.
    """
    if not board.bitstream.is_file():
        return None
    report = board.bitstream.with_suffix(".json")
    if not report.is_file():
        return {}
    with reading(f"{report}: expected a report of place and route", BoardError, f"`owlbit bitstream {_given(board)}` writes it"):
        return dict(json.loads(read_limited(report, TEXT_BYTES)))


def describe_board(board: Board, cycles_per_frame: int) -> dict[str, Any]:
    """What build.json says of the board, in place of the bare engine."""
    report: dict[str, Any] = {
        "board": _given(board),
        "network_offset": board.flash.network_offset,
        "clock_hz": board.clock_hz,
        "frames_per_second": round(board.clock_hz / cycles_per_frame, 2),
    }
    if board.camera is not None:
        report["camera"] = board.camera.kind
    facts = bitstream_facts(board)
    return report | ({"engine": facts} if facts else {})


def camera_square(board: Board, network: Network) -> int:
    """Side of the squares of camera pixels that make a pixel of the network; 0 without camera."""
    width, height = PICTURE
    return 0 if board.camera is None else square_side(height, width, *network.input_shape[1:])


def write_command(board: Board, programmer: Programmer, file: Path, network_alone: bool) -> list[str]:
    """The words of the command that writes `file`. Raises BoardError where the program cannot write the network alone."""
    line = programmer.network if network_alone else programmer.all
    if not line:
        raise BoardError(
            f"board {board.name}: expected a program that writes the network alone, got {programmer.tool}, which writes the whole "
            "flash only; leave --network out"
        )
    values = {"{file}": str(file), "{offset}": f"0x{board.flash.network_offset:x}"}
    words = shlex.split(line)
    for name, value in values.items():
        words = [word.replace(name, value) for word in words]
    return words


def _given(board: Board) -> str:
    """The board as a command takes it."""
    return board.name if board.file.parent == BOARDS else str(board.file.resolve())
