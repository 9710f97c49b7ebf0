"""The committed bitstream of every board is the one that its record describes, belongs to this checkout, and keeps its limits."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from owlbit.hw.up5k.bitstream.build import check
from owlbit.hw.up5k.bitstream.design import board_design
from owlbit.hw.up5k.bitstream.plan import BITSTREAM_BYTES, PART
from owlbit.hw.up5k.board import Board, board_names, load_board
from owlbit.hw.up5k.camera_table import WAIT, camera_table, camera_writes
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.firmware.build import CAMERA_TABLE, I2C_ADDRESS
from owlbit.toolchain.benchmarks.simulator_networks import reference96

BOARDS = board_names()


def record(board: Board) -> dict[str, Any]:
    return dict(json.loads(board.bitstream.with_suffix(".json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", BOARDS)
def test_the_file_is_the_recorded_one(name: str) -> None:
    board = load_board(name)
    data = board.bitstream.read_bytes()
    assert sha256(data).hexdigest() == record(board)["sha256"]
    assert set(data[BITSTREAM_BYTES:CAMERA_TABLE]) <= {0xFF} and len(data) <= board.flash.network_offset
    assert data[CAMERA_TABLE:] == (camera_table(board.camera.kind) if board.camera else b"")


@pytest.mark.parametrize("name", BOARDS)
def test_it_is_made_from_this_checkout(name: str) -> None:
    board = load_board(name)
    stale = f"the RTL, program, camera table, board or plan changed: run `owlbit bitstream {name}`"
    assert record(board)["input_sha256"] == board_design(board).input_hash(), stale


@pytest.mark.parametrize("name", BOARDS)
def test_it_keeps_the_limits(name: str) -> None:
    board = load_board(name)
    check(record(board), name, 1.05 * board.clock.mhz)
    assert record(board)["used"]["logic cells"] <= PART["ICESTORM_LC"]
    assert record(board)["clock_mhz"] == board.clock.mhz


def test_a_large_network_runs_at_40_frames_a_second() -> None:
    cycles = compile_network(reference96()).cycles_per_frame
    for name in BOARDS:
        assert record(load_board(name))["fmax_mhz"] * 1e6 / 1.05 / cycles >= 40, name


@pytest.mark.parametrize("kind", sorted(I2C_ADDRESS))
def test_the_camera_table_is_what_its_file_says(kind: str) -> None:
    table, writes = camera_table(kind), camera_writes(kind)
    assert int.from_bytes(table[:2], "big") == len(writes) and len(table) == 2 + 3 * len(writes)
    entries = [(int.from_bytes(table[at : at + 2], "big"), table[at + 2]) for at in range(2, len(table), 3)]
    assert entries == writes
    assert entries[0][0] in (0x0103, 0x12) and entries[1][0] == WAIT  # the reset, then its time
