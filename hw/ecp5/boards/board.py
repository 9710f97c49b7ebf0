"""A board with an ECP5 as data: the parts it comes with, pins, clock and programs of a file here, checked when it is read.

A user's own board is one more such file. Its network is in the bitstream, so a board file says nothing of networks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, with_config

from owlbit.export.settings import RefusedError, checked, read_toml
from owlbit.hw.board_file import KNOWN_KEYS, Baud, BoardFileError, Flag, Text, Whole, check_programmer, divides
from owlbit.hw.ecp5.parts import PARTS

BOARDS = Path(__file__).parent
NEEDED_PINS = ("uart_rx", "uart_tx", "led_error")
OPTIONAL_PINS = ("led_ok", "wake", "keep_high")
TOOLS = ("openFPGALoader", "fujprog", "ecpdap", "dfu-util")
MOST_UART_DIVIDER = 1023  # clocks of a bit that owl_uart counts
FASTEST_SHELL_MHZ = 60.0  # what the control processor is placed and routed for in every part


class Ecp5BoardError(BoardFileError):
    """A board that does not exist, or whose file contradicts itself."""


def _read_texts(table: Any) -> dict[str, str]:
    """Texts by name."""
    if not isinstance(table, Mapping):
        raise RefusedError("", "a table", repr(table))
    for name, value in table.items():
        if not isinstance(value, str):
            raise RefusedError(str(name), "a text", repr(value))
    return dict(table)


Texts = Annotated[dict[str, str], BeforeValidator(_read_texts)]


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Oscillator:
    """The pin of the board's clock and its frequency, at which the control processor runs."""

    pin: Text
    pin_mhz: Annotated[float, Field(strict=True, ge=8, le=FASTEST_SHELL_MHZ)]


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Uart:
    """The host link. `usb`: vendor:product of the serial port on the board, empty where it has none."""

    baud: Baud = 115200
    usb: Text = ""


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Flash:
    """The configuration flash: its size and where the bitstream lies, in bytes."""

    bytes: Annotated[int, Field(strict=True, ge=1 << 18)]
    offset: Whole = 0


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Programmer:
    """A command that writes {file} into the flash, and one that loads it into the chip until that loses power, empty where none."""

    tool: Text
    flash: Text
    memory: Text = ""


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Leds:
    """Whether a low pin lights an LED."""

    low: Flag = False


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Ecp5Board:
    """A board. `config`: settings of the configuration port (SYSCONFIG); `pin_sources`: where a pin is from, if not from `source`;
    `labels`: what a pin leads to on the board; `file`: where it was read from.

    `keep_high` among the pins is one that the board wants at 1.
    """

    name: Text
    title: Text
    parts: tuple[Text, ...]
    package: Text
    speed: Annotated[int, Field(strict=True, ge=6, le=8)]
    source: Text
    clock: Oscillator
    host: Uart
    flash: Flash
    pins: Texts
    programmer: tuple[Programmer, ...]
    leds: Leds = Leds()
    config: Texts = field(default_factory=dict)
    pin_sources: Texts = field(default_factory=dict)
    labels: Texts = field(default_factory=dict)
    shop: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()
    file: Path = Path()

    @property
    def shell_hz(self) -> int:
        """Of the control processor."""
        return round(self.clock.pin_mhz * 1e6)

    @property
    def uart_divider(self) -> int:
        """Clock cycles per bit of the UART."""
        return round(self.shell_hz / self.host.baud)

    @property
    def given(self) -> str:
        """The board as a command takes it."""
        return self.name if self.file.parent == BOARDS else str(self.file.resolve())


def ecp5_board_names() -> list[str]:
    """Of the boards in the package."""
    return sorted(path.stem for path in BOARDS.glob("*.toml"))


def load_ecp5_board(name: str | Path) -> Ecp5Board:
    """A board of the package by its name, or a user's by the path of its file. Raises Ecp5BoardError and SettingError."""
    path = Path(name)
    if path.suffix != ".toml":
        if str(name) not in ecp5_board_names():
            known = ", ".join(ecp5_board_names())
            raise Ecp5BoardError(f"board {str(name)!r}: expected one with an ECP5, {known}, or a file of your own, NAME.toml")
        path = BOARDS / f"{name}.toml"
    content, _ = read_toml(path, "a board")
    board = replace(checked(Ecp5Board, {**content, "file": str(path)}, path), file=path)
    _check(board)
    return board


def check_part(board: Ecp5Board, target: str) -> None:
    """Raises Ecp5BoardError where the board does not come with the part of a target."""
    if target not in board.parts:
        known = " or ".join(board.parts)
        raise Ecp5BoardError(f"board {board.name}: expected --target {known}, which it comes with, got {target}")


def _check(board: Ecp5Board) -> None:
    file = board.file
    if board.name != file.stem:
        raise Ecp5BoardError(f'{file}: name: expected the name of the file, "{file.stem}", got "{board.name}"')
    if not board.parts or any(part not in PARTS for part in board.parts):
        raise Ecp5BoardError(f"{file}: parts: expected some of {', '.join(PARTS)}, got {list(board.parts)}")
    if not re.fullmatch(r"[A-Z]+\d{3}", board.package):
        raise Ecp5BoardError(f"{file}: package: expected a package as CABGA381, got {board.package!r}")
    if board.flash.offset >= board.flash.bytes:
        raise Ecp5BoardError(f"{file}: flash.offset: expected an address in {board.flash.bytes} bytes, got {board.flash.offset}")
    _check_pins(board)
    for each in board.programmer:
        commands = ((each.flash, ("{file}",)), (each.memory, ("{file}",)))
        check_programmer(Ecp5BoardError, file, each.tool, TOOLS, commands)
    for name, value in board.config.items():
        if not re.fullmatch(r"[A-Z_]+", name) or not re.fullmatch(r"[A-Z0-9.]+", value):
            raise Ecp5BoardError(f'{file}: config.{name}: expected a setting as MCCLK_FREQ = "62", got {value!r}')
    divider = board.uart_divider
    if not 8 <= divider <= MOST_UART_DIVIDER or not divides(board.shell_hz, divider, board.host.baud):
        raise Ecp5BoardError(
            f"{file}: host.baud: expected a rate that {board.clock.pin_mhz:g} MHz divides to within 2 %, by 8 to "
            f"{MOST_UART_DIVIDER}, got {board.host.baud}"
        )


def _check_pins(board: Ecp5Board) -> None:
    file = board.file
    for name in NEEDED_PINS:
        if name not in board.pins:
            raise Ecp5BoardError(f"{file}: pins.{name}: expected a pin, got no such key")
    uses: dict[str, str] = {}
    for name, pin in {"clk": board.clock.pin, **board.pins}.items():
        if name not in ("clk", *NEEDED_PINS, *OPTIONAL_PINS):
            known = ", ".join((*NEEDED_PINS, *OPTIONAL_PINS))
            raise Ecp5BoardError(f"{file}: pins.{name}: expected one of {known}, got another name")
        if not re.fullmatch(r"[A-Z]{1,2}\d{1,2}", pin):
            raise Ecp5BoardError(f"{file}: pins.{name}: expected a pin of the package as G2, got {pin!r}")
        if pin in uses:
            raise Ecp5BoardError(f"{file}: pins.{name}: expected a free pin, got {pin}, which {uses[pin]} uses already")
        uses[pin] = name
    for table in ("pin_sources", "labels"):
        unknown = [name for name in getattr(board, table) if name not in board.pins]
        if unknown:
            raise Ecp5BoardError(f"{file}: {table}.{unknown[0]}: expected the name of a pin of [pins], got another name")
