"""`owlbit boards`: the list, a board in full, JSON, and the wiring drawn."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from command_line import owlbit
from owlbit.hw.ecp5.boards.board import ecp5_board_names
from owlbit.hw.up5k.board import board_names, load_board
from owlbit.toolchain.boards.wiring_picture import wires, wiring_svg


def test_the_list_and_its_json() -> None:
    listed = owlbit("boards")
    assert listed.code == 0
    assert all(name in listed.out for name in board_names())
    found = json.loads(owlbit("boards", "--json").out)
    assert [each["name"] for each in found] == [*board_names(), *ecp5_board_names()]
    assert found[-1]["pins"]["uart_rx"] == "M1"
    assert found[1]["pll"]["divf"] == 79
    assert found[1]["pins"]["cam_d"] == [10, 46, 3, 48]


def test_a_board_in_full() -> None:
    page = owlbit("boards", "show", "icesugar").out
    assert "No board has run owlbit yet" in page
    assert re.search(r"cam_d\[1\] +46 +P2_1 +Maotechh/icesugar-hm01b0 d02fde6", page)
    assert json.loads(owlbit("boards", "show", "upduino", "--json").out)["uart_divider"] is None
    ended = owlbit("boards", "show", "fomu")
    assert (ended.code, ended.out) == (2, "")
    assert "board 'fomu': expected one of icebreaker, icesugar, pico-ice, upduino, colorlight-i9, orangecrab, ulx3s" in ended.err


def test_a_hostile_file_reaches_no_terminal_and_no_picture_as_it_is(tmp_path: Path) -> None:
    """Control characters, markup and long values of a board's file."""
    text = load_board("icesugar").file.read_text(encoding="utf-8")
    hostile = tmp_path / "icesugar.toml"
    title = 'title = "\\u001b[31m<script>x</script>\\n"'
    hostile.write_text(re.sub(r"^title = .*$", lambda _: title, text, flags=re.MULTILINE).replace('"P2_9"', '"<b>&\\u0007"'))
    shown = owlbit("boards", "show", str(hostile))
    assert shown.code == 0 and all(each.isprintable() or each == "\n" for each in shown.out)
    assert owlbit("boards", "draw", str(hostile), str(tmp_path / "a.svg")).code == 0
    assert {each.tag.rpartition("}")[2] for each in ElementTree.parse(tmp_path / "a.svg").iter()} & {"script", "b"} == set()
    hostile.write_text(text.replace('network = "icesprog', f'network = "{"x" * 5000}'))
    refused = owlbit("boards", "show", str(hostile))
    assert refused.code == 2 and refused.err.count("\n") == 1 and len(refused.err) < 1100
    hostile.write_text(text + '\n[pins2]\n"a\\nb" = 1\n')
    assert owlbit("boards", "show", str(hostile)).err.count("\n") == 1


@pytest.mark.parametrize("name", board_names())
def test_every_wire_is_in_the_picture(name: str) -> None:
    board = load_board(name)
    picture = ElementTree.fromstring(wiring_svg(board))
    texts = {element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")}
    for label, signal, other in wires(board):
        assert f"{signal} · {label}" in texts
        assert other in texts
    lines = list(picture.iter("{http://www.w3.org/2000/svg}line"))
    names = [each for each in board.pins if each.startswith("cam_" if board.camera else ("spi_", "uart_", "wake"))]
    assert len(lines) == 2 + sum(len(board.pins[each]) for each in names)


@pytest.mark.parametrize("name", board_names())
def test_the_pictures_in_the_docs_are_those_of_the_boards(name: str) -> None:
    picture = Path(__file__).resolve().parents[3] / "docs" / "boards" / f"{name}.svg"
    assert picture.read_text(encoding="utf-8") == wiring_svg(load_board(name)), f"owlbit boards draw {name} docs/boards/{name}.svg"


def test_the_command_draws(tmp_path: Path) -> None:
    ended = owlbit("boards", "draw", "icebreaker", str(tmp_path / "w.svg"))
    assert ended.code == 0
    assert (tmp_path / "w.svg").read_text() == wiring_svg(load_board("icebreaker"))
