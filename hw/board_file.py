"""What the files of all boards share, whatever their chip: strict values, messages of one line, and commands that may be run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from owlbit.export.errors import OwlbitError
from owlbit.export.guard import one_line
from owlbit.export.settings import LONGEST

KNOWN_KEYS = ConfigDict(extra="forbid")
Text = Annotated[str, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True, ge=0)]
Baud = Annotated[int, Field(strict=True, ge=1200, le=4_000_000)]


class BoardFileError(OwlbitError):
    """A board that does not exist, or whose file contradicts itself or the chip."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message, LONGEST))  # names and values are those of the file


def divides(clock_hz: float, divider: int, baud: int) -> bool:
    """Whether a clock gives `baud` to within 2 % by `divider`, 0 where it is too slow."""
    return divider > 0 and abs(clock_hz / divider / baud - 1) <= 0.02


def check_programmer(
    error: type[BoardFileError], file: Path, tool: str, tools: Sequence[str], commands: Sequence[tuple[str, Sequence[str]]]
) -> None:
    """Only programs that write flashes are run, whoever wrote the file: raises `error` for another `tool` than one of `tools`.

    commands: each a line, empty where there is none, and the places that it must have, such as "{file}".
    """
    if tool not in tools:
        raise error(f"{file}: programmer.tool: expected one of {', '.join(tools)}, got {tool!r}")
    for line, needed in commands:
        if line and (line.split()[0] != tool or any(place not in line for place in needed)):
            raise error(f"{file}: programmer: expected a command of {tool} with {' and '.join(needed)} in it, got {line!r}")
