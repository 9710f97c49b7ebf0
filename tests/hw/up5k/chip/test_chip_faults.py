"""What goes wrong on a board: a damaged flash, a failed self-test, a camera that is missing, another, silent, or too small."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from board_chips import flash_of, flash_of_image, frames_of, rig, scenes, small_network, with_crc
from chip_golden import Golden
from chip_host import (
    DONE,
    ERROR,
    FAILED,
    GET_VERSION,
    GET_WAKE,
    PUSH,
    RESULT,
    RUN_SELFTEST,
    START,
    STOP,
    WRONG_STATE,
    Host,
)
from owlbit.export.network import Network, Scores
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.flash_format import NetworkImage
from owlbit.hw.up5k.self_test import make_self_test

BOARD = rig()
OFFSET = BOARD.board.flash.network_offset
PIXELS = 16 * 16
ERRORS = {"flash": 1, "camera missing": 2, "camera silent": 3, "camera too small": 4, "self-test": 5, "too fast": 6}


def damaged(position: int) -> bytes:
    """A flash whose network has one bit flipped, from its end where negative."""
    flash = bytearray(flash_of(BOARD.board, BOARD.network))
    flash[position if position < 0 else OFFSET + position] ^= 0x10
    return bytes(flash)


@pytest.mark.parametrize("position", [0, 0x07, 0x30, 0xA5, -1, -40])
def test_a_damaged_flash_is_refused_and_said(position: int) -> None:
    with BOARD.start({"frames": 0}, flash=damaged(position)) as chip:
        host = Host(chip)
        assert host.wait(ERROR, 3000).payload == bytes([ERRORS["flash"]])
        status = host.status()
        assert (status.state, status.error) == (FAILED, ERRORS["flash"])
        for kind in (RUN_SELFTEST, START, STOP):
            assert host.acknowledged(kind) == WRONG_STATE
        assert host.acknowledged(PUSH, struct.pack("<I", 0) + b"x") == WRONG_STATE


def test_an_empty_flash_is_refused_and_said() -> None:
    with BOARD.start({"frames": 0}, flash=b"") as chip:
        host = Host(chip)
        assert host.wait(ERROR, 3000).payload == bytes([ERRORS["flash"]])
        assert host.status().error == ERRORS["flash"]


def flipped_in_self_test_scores() -> tuple[bytes, int]:
    """A flash whose expected score of class 7 has a flipped bit, checksum right; and which score that is."""
    flash = bytearray(flash_of(BOARD.board, BOARD.network))
    at = len(flash) - 4 - PIXELS - 2 * 10 + 2 * 7
    flash[at + 1] ^= 0x04
    return with_crc(flash, OFFSET), int.from_bytes(flash[at : at + 2], "big", signed=True)


def test_a_failed_self_test_is_told_apart() -> None:
    flash, wrong = flipped_in_self_test_scores()
    with BOARD.start({"frames": 0}, flash=flash) as chip:
        host = Host(chip)
        assert host.wait(ERROR, 3000).payload == bytes([ERRORS["self-test"]])
        chip.run(150_000)
        result, first, got, expected = struct.unpack("<BBhh", host.request(RUN_SELFTEST).payload)
        assert (result, first, expected) == (2, 7, wrong)
        assert got == expected ^ 0x04
        status = host.status(tries=3)
        assert (status.error, status.self_test) == (ERRORS["self-test"], 2)


def test_a_changed_weight_fails_the_self_test() -> None:
    network = BOARD.network
    last = network.layers[-1]
    assert isinstance(last, Scores)
    weights = np.array(last.weights)
    weights[4, 100] ^= 1
    changed = Network(network.input_shape, (*network.layers[:-1], Scores(weights)))
    image = NetworkImage(
        words=compile_network(changed).words,
        input_shape=network.input_shape,
        classes=network.classes,
        name="changed",
        self_test=make_self_test(network),
    )
    with BOARD.start({"frames": 0}, flash=flash_of_image(BOARD.board, image)) as chip:
        host = Host(chip)
        assert host.wait(ERROR, 1000).payload == bytes([ERRORS["self-test"]])
        result, first, got, expected = struct.unpack("<BBhh", host.request(RUN_SELFTEST, tries=3).payload)
        assert (result, first, abs(got - expected)) == (2, 4, 2)


@pytest.mark.parametrize("option", ["absent", "wrong_id"])
def test_a_missing_camera_leaves_the_link_alive(option: str) -> None:
    with BOARD.start({option: 1}) as chip:
        host = Host(chip)
        assert host.wait(ERROR, 3000).payload == bytes([ERRORS["camera missing"]])
        status = host.status()
        assert (status.error, status.self_test) == (ERRORS["camera missing"], 1)
        frames = scenes("hm01b0", 1, 4)[:, None, :16, :16]
        assert host.push(frames[0].transpose(1, 2, 0)) == Golden(BOARD.network, BOARD.policy).results(frames, pushed=True)[0]
        assert len(host.request(GET_WAKE).payload) == 40 and len(host.request(GET_VERSION).payload) == 112
        chip.set(option, 0)  # it is plugged in
        assert host.acknowledged(START, timeout_ms=1000) == DONE
        host.wait(RESULT, 1000)


@pytest.mark.slow
def test_a_camera_that_stops_is_noticed() -> None:
    with BOARD.start({"frames": 3}, pictures=scenes("hm01b0", 3, 1)) as chip:
        host = Host(chip)
        assert host.wait(ERROR, 6000).payload == bytes([ERRORS["camera silent"]])
        assert 2e6 < chip.time_us - chip.of_kind("frame")[-1].time_us < 3.5e6
        assert len(host.results()) == 3
        chip.set("frames", 9)
        assert host.acknowledged(START, timeout_ms=1000) == DONE
        host.wait(RESULT, 1000)
        assert host.status().error == 0


def test_a_camera_that_is_too_small_is_noticed() -> None:
    board = rig(network=small_network(rows=242, columns=4))
    with board.start({"frames": 2}, pictures=scenes("hm01b0", 2, 1)) as chip:
        host = Host(chip)
        assert host.wait(ERROR, 3000).payload == bytes([ERRORS["camera too small"]])
        chip.run(40_000)
        status = host.status()
        assert (status.error, status.k, status.rows) == (ERRORS["camera too small"], 0, 242)
        assert host.results() == []


@pytest.mark.slow
def test_a_frame_cut_short_has_no_result_and_later_ones_are_exact() -> None:
    pictures = scenes("hm01b0", 30, 2)
    expected = Golden(BOARD.network, BOARD.policy).results(frames_of(pictures, BOARD.network))
    with BOARD.start(pictures=pictures) as chip:
        host = Host(chip)
        host.wait(RESULT, 3000)
        for lines in (1, 100, 200, 230):
            chip.set("short_frame", lines)
            chip.run(40_000)
            chip.set("short_frame", 0)
            chip.run(150_000)
        while host.next_packet(1):
            pass
        results = host.results()
        assert len(results) >= 8
        rest = iter(expected)
        for result in results:  # each is of a later picture than the one before
            assert any(result.scores == other.scores for other in rest)
        assert host.status(tries=5).error == 0


@pytest.mark.slow
def test_the_led_blinks_the_error() -> None:
    with BOARD.start({"frames": 0}, flash=b"") as chip:
        for _ in range(30):
            chip.run(50_000)
            blinks = [event.value for event in chip.of_kind("pin") if event.value.startswith("led_error")]
            if len(blinks) >= 3:
                break
        assert blinks[:3] == ["led_error 1", "led_error 0", "led_error 1"], "low lights it"
