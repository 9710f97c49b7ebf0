"""Boards as data: those in the package hold, and every conflict of a user's file is refused in one sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.hw.up5k.board import BITSTREAMS, BOARDS, INPUTS, SG48_PINS, board_names, load_board
from owlbit.hw.up5k.pll import find_pll


def edited(folder: Path, *edits: tuple[str, str], base: str = "icesugar") -> Path:
    """A user's copy of a board with some of its text replaced."""
    text = (BOARDS / f"{base}.toml").read_text()
    for old, new in (*edits, (f'name = "{base}"', 'name = "mine"')):
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_the_boards_of_the_package() -> None:
    assert board_names() == ["icebreaker", "icesugar", "pico-ice", "upduino"]
    for name in board_names():
        board = load_board(name)
        assert board.name == name
        assert board.bitstream == BITSTREAMS / f"{name}.bin"
        assert not board.clock_gating
        used = [number for numbers in board.pins.values() for number in numbers]
        assert len(used) == len(set(used))
        assert set(used) <= SG48_PINS
        assert not [name for name, (first, *_) in board.pins.items() if str(first) in board.driven and name not in INPUTS]


def test_dedicated_pins_of_the_flash_are_the_chip_s() -> None:
    for name in board_names():
        pins = load_board(name).pins
        assert [pins[pin][0] for pin in ("flash_mosi", "flash_sck", "flash_cs_n", "flash_miso")] == [14, 15, 16, 17]


def test_clock_and_uart_of_the_icesugar() -> None:
    board = load_board("icesugar")
    assert board.pll is not None
    assert (board.pll.divr, board.pll.divf, board.pll.divq, board.pll.filter_range) == (0, 79, 5, 1)
    assert board.pll.mhz == 12.0 * 80 / 32
    assert board.uart_divider == 260
    assert load_board("upduino").pll is None


@pytest.mark.parametrize(("reference", "mhz"), [(12.0, 48.0), (12.0, 24.0), (48.0, 30.0), (25.0, 37.5)])
def test_pll_settings_lie_within_the_chip_s_limits(reference: float, mhz: float) -> None:
    pll = find_pll(reference, mhz)
    compared = reference / (pll.divr + 1)
    vco = compared * (pll.divf + 1)
    assert vco / 2**pll.divq == mhz
    assert 10 <= compared <= 133
    assert 533 <= vco <= 1066
    assert 1 <= pll.divq <= 6


def test_a_frequency_that_cannot_be_made_names_the_nearest() -> None:
    with pytest.raises(OwlbitError, match=r"next to it 30, got 30.1"):
        find_pll(12.0, 30.1)
    with pytest.raises(OwlbitError, match="expected a clock of 10 to 133 MHz for the PLL, got 8"):
        find_pll(8.0, 30.0)


def test_a_user_s_board(tmp_path: Path) -> None:
    board = load_board(edited(tmp_path, ("wake = 36", "wake = 38")))
    assert board.pins["wake"] == (38,)
    assert board.bitstream == tmp_path / "mine.bin"
    assert (board.label(34), board.label(38)) == ("P3_1", "pin 38")


def test_an_unknown_board_is_refused() -> None:
    with pytest.raises(OwlbitError, match=r"board 'ulx3s': expected one of icebreaker, icesugar, pico-ice, upduino, or a file"):
        load_board("ulx3s")
    with pytest.raises(OwlbitError, match=r"expected a board, found no such file"):
        load_board("nothing.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("wake = 36", "wake = 34", "pins.cam_pclk: expected a free pin, got 34, which wake uses already"),
        ("wake = 36", "wake = 35", "pins.wake: expected a free pin, got 35, which clk uses already"),
        ("wake = 36", "wake = 5", "pins.wake: expected a pin of the package SG48, got 5, which it lacks"),
        ("wake = 36", "wake = 39", "pins.wake: expected no open-drain driver of an LED (39, 40, 41), got 39"),
        (
            "wake = 36",
            "wake = 23",
            "pins.wake: expected a pin that the chip may drive, got 23, which is an input only",
        ),
        ("cam_trig = 26", "cam_trig = 26\ncam_xclk = 23", "pins.cam_xclk: expected a pin that the chip may drive, got 23"),
        ("wake = 36\n", "", "pins.wake: expected a pin number, got no such key"),
        ("wake = 36", "wake = 36\nspi_sck = 38", "pins.spi_sck: expected one of flash_cs_n"),
        ("wake = 36", "wake = 36\nclk = 38", "the clock's pin stands in [clock]"),
        ("wake = 36", 'wake = "P2_9"', "pins.wake: expected a pin number or a list of them, got 'P2_9'"),
        ("cam_d = [10, 46, 3, 48]", "cam_d = [10, 46, 3]", "pins.cam_d: expected 4 pin numbers, got 3"),
        ("pin = 35\n", "pin = 38\n", "clock.pin: expected 35 for a clock, got 38, which does not reach the clock network"),
        ("mhz = 30.0", "mhz = 31.0", "clock.mhz: expected what the PLL makes of 12 MHz, next to it 31.125, got 31"),
        (
            'source = "pll"',
            'source = "crystal"',
            'clock.source: expected one of "pll", "oscillator", "pin", got',
        ),
        ("pin = 35\npin_mhz = 12.0\n", "", "clock.pin, clock.pin_mhz: expected the pin of the clock and its frequency, got none"),
        (
            "baud = 115200",
            "baud = 4000000",
            "host.baud: expected a rate that 30 MHz divides to within 2 %, got 4000000",
        ),
        ("network_offset = 0x20000", "network_offset = 0x800000", "flash.network_offset: expected an address inside the flash"),
        ("bytes = 8388608", "bytes = 1000", "flash.bytes: expected at least 131072, got 1000"),
        ("bytes = 8388608", "byte = 8388608", 'flash.byte: expected a known key (did you mean "bytes"?), got "byte"'),
        ("iCE40UP5K-SG48", "iCE40UP5K-UWG30", 'part: expected "iCE40UP5K-SG48", got "iCE40UP5K-UWG30"'),
        ("[pin_sources]", '[pin_sources]\nled = "x"', "pin_sources.led: expected the name of a pin of [pins]"),
        ("[labels]", '[labels]\n8 = "x"', "expected pin numbers of the package in [driven] and [labels], got 8"),
    ],
)
def test_conflicts_are_refused_in_one_sentence(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(OwlbitError, match=re.escape(message)) as caught:
        load_board(edited(tmp_path, (old, new)))
    assert str(caught.value).startswith(str(tmp_path / "mine.toml"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([("mhz = 24.0", "mhz = 30.0")], "expected 6, 12, 24 or 48 with the internal oscillator, got 30"),
        ([("mhz = 24.0", "mhz = 24.0\npin = 35")], "clock.pin: expected none with the internal oscillator, got 35"),
        (
            [
                ('link = "spi"', 'link = "uart"'),
                ("spi_sck = 47\nspi_ss_n = 46\nspi_mosi = 48\nspi_miso = 45\n", "uart_rx = 4\nuart_tx = 6\n"),
                *((f'spi_{pin} = "gt', '# "gt') for pin in ("sck", "ss_n", "mosi", "miso")),
            ],
            'host.link: expected "spi" with the internal oscillator',
        ),
    ],
)
def test_the_oscillator_has_few_frequencies_and_no_uart(tmp_path: Path, edits: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(OwlbitError, match=re.escape(message)):
        load_board(edited(tmp_path, *edits, base="upduino"))


def test_a_file_whose_name_is_not_the_board_s_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path).rename(tmp_path / "other.toml")
    with pytest.raises(OwlbitError, match='name: expected the name of the file, "other", got "mine"'):
        load_board(path)
