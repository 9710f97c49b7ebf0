"""Files of boards with an ECP5: those of the package are read, wrong ones are refused in one sentence, and constraints follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecp5_chips import scores_network
from owlbit.export.errors import OwlbitError
from owlbit.export.settings import LONGEST
from owlbit.hw.ecp5.boards.board import BOARDS, Ecp5BoardError, check_part, ecp5_board_names, load_ecp5_board
from owlbit.hw.ecp5.boards.chip import board_chip, chip_constraints
from owlbit.hw.up5k.board import board_names


def edited(folder: Path, *edits: tuple[str, str]) -> Path:
    """The file of a board like the ULX3S, with other text."""
    text = (BOARDS / "ulx3s.toml").read_text().replace('name = "ulx3s"', 'name = "mine"')
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_the_boards_of_the_package() -> None:
    names = ecp5_board_names()
    assert {"ulx3s", "colorlight-i9", "orangecrab"} <= set(names)
    assert not set(names) & set(board_names()), "a name means one board"
    for name in names:
        board = load_ecp5_board(name)
        assert board.given == name and board.source and board.programmer
        assert set(board.labels) <= set(board.pins)


def test_a_users_board(tmp_path: Path) -> None:
    board = load_ecp5_board(edited(tmp_path, ('uart_rx = "M1"', 'uart_rx = "N1"')))
    assert board.pins["uart_rx"] == "N1" and board.given == str(tmp_path / "mine.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('uart_rx = "M1"', 'uart_rx = "L4"', "pins.uart_tx: expected a free pin, got L4, which uart_rx uses already"),
        ('uart_rx = "M1"', 'uart_rx = "m1"', "pins.uart_rx: expected a pin of the package as G2, got 'm1'"),
        ('uart_rx = "M1"', "uart_rx = 7", "uart_rx: expected a text, got 7"),
        ('led_error = "B2"\n', "", "pins.led_error: expected a pin, got no such key"),
        ('wake = "B11"', 'clock = "B11"', "pins.clock: expected one of uart_rx"),
        ('parts = ["ecp5-25f", ', 'parts = ["ecp5-12f", ', "parts: expected some of ecp5-25f"),
        ("baud = 115200", "baud = 9000000", "host.baud: expected a whole number of at most 4000000|baud"),
        ("baud = 115200", "baud = 9600", "host.baud: expected a rate that 25 MHz divides to within 2 %, by 8 to 1023, got 9600"),
        ("offset = 0", "offset = 4194304", "flash.offset: expected an address in 4194304 bytes"),
        ('tool = "fujprog"', 'tool = "rm"', "programmer.tool: expected one of openFPGALoader"),
        ("fujprog -j flash {file}", "sh {file}", "expected a command of fujprog with {file} in it, got 'sh {file}'"),
        ('package = "CABGA381"', 'package = "381"', "package: expected a package as CABGA381"),
        ('MCCLK_FREQ = "62"', 'MCCLK_FREQ = "62; X"', "config.MCCLK_FREQ: expected a setting"),
        ('name = "mine"', 'name = "other"', 'name: expected the name of the file, "mine", got "other"'),
        ("speed = 6", "speeds = 6", "speeds"),
    ],
)
def test_refusals(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(OwlbitError) as caught:
        load_ecp5_board(edited(tmp_path, (old, new)))
    assert any(each in str(caught.value) for each in message.split("|")), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_refusal_is_one_line_of_bounded_length(tmp_path: Path) -> None:
    long = edited(tmp_path, ('uart_rx = "M1"', f'uart_rx = "{"x" * 5000}"'))
    with pytest.raises(Ecp5BoardError, match=r"pins\.uart_rx: expected a pin of the package") as refused:
        load_ecp5_board(long)
    assert len(str(refused.value).splitlines()) == 1 and len(str(refused.value)) <= LONGEST


def test_unknown_boards_and_parts() -> None:
    with pytest.raises(Ecp5BoardError, match="expected one with an ECP5, colorlight-i9, orangecrab, ulx3s, or a file"):
        load_ecp5_board("icesugar")
    with pytest.raises(Ecp5BoardError, match="expected --target ecp5-45f, which it comes with, got ecp5-85f"):
        check_part(load_ecp5_board("colorlight-i9"), "ecp5-85f")


def test_constraints() -> None:
    """One place for each port of the top, and the oscillator's frequency, from which nextpnr derives the circuit's clock."""
    board = load_ecp5_board("ulx3s")
    lines = chip_constraints(board).splitlines()
    for port, pin in {"clk": "G2", "uart_rx": "M1", "uart_tx": "L4", "keep_high": "L2"}.items():
        assert f'LOCATE COMP "{port}" SITE "{pin}";' in lines
    assert 'FREQUENCY PORT "clk" 25 MHZ;' in lines
    assert any(line.startswith("SYSCONFIG ") and "MCCLK_FREQ=62" in line for line in lines)
    assert len([line for line in lines if line.startswith("LOCATE")]) == 1 + len(board.pins)


def test_macros_follow_board_network_and_clock() -> None:
    network = scores_network(3, 5, 6, 4)
    defines = board_chip(load_ecp5_board("orangecrab"), network, 80.0).defines
    assert {"OWL_UART_DIVIDER=10'd417", "OWL_PIXELS=24'd90", "OWL_SCORE_BYTES=10'd8", "OWL_LEDS_LOW"} <= set(defines)
    assert {"OWL_PLL_REFERENCE=3", "OWL_PLL_FEEDBACK=5", "OWL_PLL_LOOP=10", "OWL_PLL_OUTPUT=10"} <= set(defines)
    assert "OWL_PIN_KEEP_HIGH" not in defines
