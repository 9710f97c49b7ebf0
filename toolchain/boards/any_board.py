"""A board of either kind by its name or file: with an iCE40 or with an ECP5."""

from __future__ import annotations

from pathlib import Path

from owlbit.export.settings import read_toml
from owlbit.hw.ecp5.boards.board import Ecp5Board, ecp5_board_names, load_ecp5_board
from owlbit.hw.up5k.board import Board, BoardError, board_names, load_board

AnyBoard = Board | Ecp5Board


def all_boards() -> list[AnyBoard]:
    """Of the package."""
    return [*map(load_board, board_names()), *map(load_ecp5_board, ecp5_board_names())]


def find_board(name: str | Path) -> AnyBoard:
    """A board of the package by its name, or a user's by the path of its file; one with an ECP5 names its `parts`.

    Raises BoardError, Ecp5BoardError and SettingError.
    """
    path = Path(name)
    if path.suffix == ".toml":
        content, _ = read_toml(path, "a board")
        return load_ecp5_board(path) if "parts" in content else load_board(path)
    if str(name) in ecp5_board_names():
        return load_ecp5_board(name)
    if str(name) in board_names():
        return load_board(name)
    known = ", ".join([*board_names(), *ecp5_board_names()])
    raise BoardError(f"board {str(name)!r}: expected one of {known}, or a file of your own, NAME.toml")
