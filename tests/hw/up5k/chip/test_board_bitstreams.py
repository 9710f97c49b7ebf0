"""The packed bitstreams of boards, turned back into gates: from the flash to the packet of a camera's frame, exact."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from board_chips import frames_of, rig, scenes
from chip_golden import Golden
from chip_host import RESULT, RUNNING, Host, read_result
from owlbit.hw.up5k.bitstream.board_macros import board_pins
from owlbit.hw.up5k.bitstream.unpack import DEFINES, missing_tools, unpack_bitstream
from owlbit.hw.up5k.board import load_board
from owlbit.hw.up5k.chip_simulation import TOP, chip_executable

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing_tools()), reason=f"needs {' and '.join(missing_tools())}"),
]
BOARDS = ("icesugar", "icebreaker")


def unpacked(name: str) -> list[Path]:
    board = load_board(name)
    return unpack_bitstream(board.bitstream, pins=board_pins(board), top=TOP)


@pytest.mark.parametrize("name", BOARDS)
def test_the_plls_settings_are_the_boards(name: str) -> None:
    text = next(path for path in unpacked(name) if path.name == "chip.v").read_text(encoding="utf-8")
    found = {key: int(bits, 2) for key, bits in re.findall(r"\.(DIV[RFQ]|FILTER_RANGE)\(\d+'b([01]+)\)", text)}
    pll = load_board(name).pll
    assert pll is not None
    assert found == {"DIVR": pll.divr, "DIVF": pll.divf, "DIVQ": pll.divq, "FILTER_RANGE": pll.filter_range}


@pytest.mark.parametrize("name", BOARDS)
def test_a_frame_from_flash_boot_to_the_links_bytes(name: str) -> None:
    board = rig(name)
    assert board.board.camera is not None
    pictures = scenes(board.board.camera.kind, 1, seed=6)
    executable = chip_executable(unpacked(name), DEFINES, optimisation="-O1")
    with board.start({"frames": 1}, executable=executable, pictures=pictures) as chip:
        host = Host(chip)
        got = read_result(host.wait(RESULT, 3000).payload)
        assert got == Golden(board.network, board.policy).results(frames_of(pictures, board.network))[0]
        status = host.status()
        assert (status.state, status.error, status.self_test, status.frames) == (RUNNING, 0, 1, 1)
        assert chip.of_kind("fault") == []
