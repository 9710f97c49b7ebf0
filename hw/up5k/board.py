"""A board as data: the pins, clock, flash, host link and camera of a file in `boards/`, checked for conflicts when it is read.

A user's own board is one more such file. `pll.py` finds the settings of the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, with_config

from owlbit.export.settings import RefusedError, checked, read_toml
from owlbit.hw.board_file import KNOWN_KEYS, Baud, BoardFileError, Flag, Text, Whole, check_programmer, divides
from owlbit.hw.up5k.pll import OSCILLATOR_MHZ, Pll, find_pll

BOARDS = Path(__file__).parent / "boards"
BITSTREAMS = Path(__file__).parent / "bitstream" / "boards"
PART = "iCE40UP5K-SG48"
SG48_PINS = frozenset([2, 3, 4, 6, *range(9, 22), 23, *range(25, 29), 31, 32, *range(34, 49)])
LED_DRIVER_PINS = frozenset([39, 40, 41])  # open drain
GLOBAL_PINS = frozenset([20, 35, 37, 44])  # reach the clock network
PLL_PIN = 35
PICTURE = (320, 240)  # columns and rows of a camera's picture after its fixed crop
CAMERA_BITS = {"hm01b0": 4, "ov7670": 8}
FLASH_PINS = ("flash_cs_n", "flash_sck", "flash_mosi", "flash_miso")
HOST_PINS = {"uart": ("uart_rx", "uart_tx"), "spi": ("spi_sck", "spi_ss_n", "spi_mosi", "spi_miso")}
CAMERA_PINS = ("cam_d", "cam_pclk", "cam_vsync", "cam_href", "cam_scl", "cam_sda")
OPTIONAL_PINS = ("cam_xclk", "cam_trig", "cam_reset_n", "cam_pwdn")
TOOLS = ("icesprog", "iceprog", "openFPGALoader", "dfu-util")
LED_PINS = ("led_error", "led_ok")
INPUTS = frozenset(
    ["clk", "flash_miso", "uart_rx", "spi_sck", "spi_ss_n", "spi_mosi", "cam_d", "cam_pclk", "cam_vsync", "cam_href"]
)


class BoardError(BoardFileError):
    """A board that does not exist, or whose file contradicts itself or the chip."""


def _read_pins(table: Any) -> dict[str, tuple[int, ...]]:
    """Pin numbers by name; a list, lowest bit first, where a name has several."""
    if not isinstance(table, Mapping):
        raise RefusedError("", "a table of pin numbers", repr(table))
    pins: dict[str, tuple[int, ...]] = {}
    for name, value in table.items():
        numbers = value if isinstance(value, list | tuple) else [value]
        if not numbers or any(type(number) is not int for number in numbers):
            raise RefusedError(str(name), "a pin number or a list of them", repr(value))
        pins[str(name)] = tuple(numbers)
    return pins


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Clock:
    """Where the clock comes from, and `mhz`, how fast the engine runs. `pin`, `pin_mhz`: None with the oscillator."""

    source: Literal["pll", "oscillator", "pin"]
    mhz: Annotated[float, Field(strict=True, ge=1, le=60)]
    pin: Whole | None = None
    pin_mhz: Annotated[float, Field(strict=True, ge=1, le=133)] | None = None


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Flash:
    """The configuration flash: its size and where bitstream and network lie, in bytes."""

    bytes: Annotated[int, Field(strict=True, ge=1 << 17)]
    bitstream_offset: Whole = 0
    network_offset: Annotated[int, Field(strict=True, ge=1 << 17, le=(1 << 24) - 1)] = 0x20000


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class HostLink:
    """How a host talks to the chip. `usb`: vendor:product of the serial port on the board, empty where it has none."""

    link: Literal["uart", "spi"]
    baud: Baud = 115200
    usb: Text = ""


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Camera:
    """The camera that is wired to the board; both kinds give gray."""

    kind: Literal["hm01b0", "ov7670"]


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Programmer:
    """A command that writes the flash: `all` writes {file} at 0, `network` writes {file} at {offset}; empty where it cannot."""

    tool: Text
    all: Text
    network: Text = ""


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Leds:
    """`low`: a low level lights them."""

    low: Flag = True


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Board:
    """A board, as its file says it.

    `pins`: numbers by the names of `rtl/owl_chip.v`; `driven`: pins that something else drives, by pin number, and what;
    `labels`: what is printed beside a pin, by pin number; `pin_sources`: where a pin is from, by name, if not from `source`;
    `clock_gating`: whether its bitstream stops the clock between frames; `shop`: what to buy; `notes`: what to know first.
    """

    name: Text
    title: Text
    part: Text
    source: Text
    clock: Clock
    flash: Flash
    host: HostLink
    programmer: tuple[Programmer, ...]
    pins: Annotated[dict[str, tuple[int, ...]], BeforeValidator(_read_pins)]
    leds: Leds = Leds()
    camera: Camera | None = None
    driven: dict[str, Text] = field(default_factory=dict)
    labels: dict[str, Text] = field(default_factory=dict)
    pin_sources: dict[str, Text] = field(default_factory=dict)
    clock_gating: Flag = False
    shop: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()
    file: Path = Path()

    @property
    def pll(self) -> Pll | None:
        """Settings of the PLL; None without one."""
        if self.clock.source != "pll" or self.clock.pin_mhz is None:
            return None
        return find_pll(self.clock.pin_mhz, self.clock.mhz)

    @property
    def clock_hz(self) -> int:
        """Of the engine."""
        return round(self.clock.mhz * 1e6)

    @property
    def uart_divider(self) -> int:
        """Clock cycles per bit of the UART."""
        return round(self.clock_hz / self.host.baud)

    @property
    def bitstream(self) -> Path:
        """Where its bitstream lies: in the package, or beside the file of a user's board."""
        return (BITSTREAMS / self.name if self.file.parent == BOARDS else self.file).with_suffix(".bin")

    def label(self, pin: int) -> str:
        """What is printed beside the pin, or else its number on the chip."""
        return self.labels.get(str(pin), f"pin {pin}")


def board_names() -> list[str]:
    """Of the boards in the package."""
    return sorted(path.stem for path in BOARDS.glob("*.toml"))


def load_board(name: str | Path) -> Board:
    """A board of the package by its name, or a user's by the path of its file. Raises BoardError and SettingError."""
    path = Path(name)
    if path.suffix != ".toml":
        if str(name) not in board_names():
            raise BoardError(f"board {str(name)!r}: expected one of {', '.join(board_names())}, or a file of your own, NAME.toml")
        path = BOARDS / f"{name}.toml"
    content, _ = read_toml(path, "a board")
    board = replace(checked(Board, {**content, "file": str(path)}, path), file=path)
    check_board(board)
    return board


def check_board(board: Board) -> None:
    """Raises BoardError, one sentence, where the pins, the clock or the flash of a board cannot be."""
    for each in board.programmer:
        commands = ((each.all, ("{file}",)), (each.network, ("{file}", "{offset}")))
        check_programmer(BoardError, board.file, each.tool, TOOLS, commands)
    if board.part != PART:
        raise BoardError(f'{board.file}: part: expected "{PART}", got "{board.part}"')
    _check_names(board)
    _check_numbers(board)
    _check_clock(board)
    if board.name != board.file.stem:
        raise BoardError(f'{board.file}: name: expected the name of the file, "{board.file.stem}", got "{board.name}"')
    if board.flash.bitstream_offset:
        raise BoardError(
            f"{board.file}: flash.bitstream_offset: expected 0, where the chip reads, got {board.flash.bitstream_offset}"
        )
    if board.flash.network_offset >= board.flash.bytes:
        raise BoardError(
            f"{board.file}: flash.network_offset: expected an address inside the flash of {board.flash.bytes} bytes, "
            f"got {board.flash.network_offset}"
        )
    for number in (*board.driven, *board.labels):
        if not number.isdecimal() or int(number) not in SG48_PINS:
            raise BoardError(f"{board.file}: expected pin numbers of the package in [driven] and [labels], got {number}")


def _check_names(board: Board) -> None:
    needed = [*FLASH_PINS, *HOST_PINS[board.host.link], "wake", *LED_PINS]
    allowed = list(needed)
    if board.camera is not None:
        needed += CAMERA_PINS
        allowed += [*CAMERA_PINS, *OPTIONAL_PINS]
    for name in needed:
        if name not in board.pins:
            raise BoardError(f"{board.file}: pins.{name}: expected a pin number, got no such key")
    for name, numbers in board.pins.items():
        if name not in allowed:
            hint = "; the clock's pin stands in [clock]" if name == "clk" else ""
            raise BoardError(f"{board.file}: pins.{name}: expected one of {', '.join(allowed)}, got another name{hint}")
        count = CAMERA_BITS[board.camera.kind] if name == "cam_d" and board.camera is not None else 1
        if len(numbers) != count:
            raise BoardError(f"{board.file}: pins.{name}: expected {count} pin number{'s' * (count > 1)}, got {len(numbers)}")
    unknown = [name for name in board.pin_sources if name not in board.pins]
    if unknown:
        raise BoardError(f"{board.file}: pin_sources.{unknown[0]}: expected the name of a pin of [pins], got another name")


def _check_numbers(board: Board) -> None:
    uses = {} if board.clock.pin is None else {board.clock.pin: "clk"}
    for name, numbers in board.pins.items():
        for number in numbers:
            if number not in SG48_PINS:
                raise BoardError(f"{board.file}: pins.{name}: expected a pin of the package SG48, got {number}, which it lacks")
            if number in uses:
                raise BoardError(f"{board.file}: pins.{name}: expected a free pin, got {number}, which {uses[number]} uses already")
            uses[number] = name
            if str(number) in board.driven and name not in INPUTS:
                raise BoardError(
                    f"{board.file}: pins.{name}: expected a pin that the chip may drive, got {number}, which is an input only: "
                    f"{board.driven[str(number)]} drives it"
                )
            if number in LED_DRIVER_PINS and name not in LED_PINS:
                raise BoardError(f"{board.file}: pins.{name}: expected no open-drain driver of an LED (39, 40, 41), got {number}")


def _check_clock(board: Board) -> None:
    clock, file = board.clock, board.file
    if clock.source == "oscillator":
        if clock.pin is not None or clock.pin_mhz is not None:
            raise BoardError(f"{file}: clock.pin: expected none with the internal oscillator, got {clock.pin}")
        if clock.mhz not in OSCILLATOR_MHZ:
            raise BoardError(f"{file}: clock.mhz: expected 6, 12, 24 or 48 with the internal oscillator, got {clock.mhz:g}")
        if board.host.link == "uart":
            raise BoardError(
                f'{file}: host.link: expected "spi" with the internal oscillator, whose frequency is only within 10 %, got "uart"'
            )
        return
    if clock.pin is None or clock.pin_mhz is None:
        raise BoardError(f"{file}: clock.pin, clock.pin_mhz: expected the pin of the clock and its frequency, got none")
    allowed = {PLL_PIN} if clock.source == "pll" else GLOBAL_PINS
    if clock.pin not in allowed:
        raise BoardError(
            f"{file}: clock.pin: expected {' or '.join(map(str, sorted(allowed)))} for a clock, got {clock.pin}, "
            "which does not reach the clock network"
        )
    if clock.source == "pin" and clock.mhz != clock.pin_mhz:
        raise BoardError(f"{file}: clock.mhz: expected the frequency of the pin, {clock.pin_mhz:g}, got {clock.mhz:g}")
    if clock.source == "pll":
        find_pll(clock.pin_mhz, clock.mhz, file)
    if board.host.link == "uart" and not divides(board.clock_hz, board.uart_divider, board.host.baud):
        raise BoardError(f"{file}: host.baud: expected a rate that {clock.mhz:g} MHz divides to within 2 %, got {board.host.baud}")
