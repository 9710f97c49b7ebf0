"""The host link of the whole chip: every request of the protocol, its refusals, and pushed frames."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from board_chips import POLICY, Rig, flash_of, rig, small_network
from chip_golden import Golden, Policy
from chip_host import (
    DONE,
    ERROR,
    GET_STATUS,
    GET_VERSION,
    GET_WAKE,
    IDLE,
    OUT_OF_RANGE,
    PUSH,
    RESET,
    RUN_SELFTEST,
    SET_WAKE,
    STOP,
    UNKNOWN_TYPE,
    WRONG_LENGTH,
    WRONG_OFFSET,
    Host,
    damaged_packet,
    packet,
)
from owlbit.hw.up5k.chip_simulation import board_executable

BOARD = rig(network=small_network(8, 8))


def images(count: int, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *BOARD.network.input_shape), dtype=np.uint8)


@pytest.fixture
def host() -> Iterator[Host]:
    """A chip that has booted; it found no camera, which its link does not mind."""
    with BOARD.start({"absent": 1}) as chip:
        found = Host(chip)
        found.wait(ERROR)
        yield found
        assert chip.of_kind("fault") == []


def test_status_of_a_camera_that_was_stopped() -> None:
    with BOARD.start({"frames": 0}) as chip:
        host = Host(chip)
        chip.run(60_000)
        assert host.acknowledged(STOP) == DONE
        status = host.status()
        assert (status.protocol, status.flash_format, status.state, status.error) == (1, 2, IDLE, 0)
        assert (status.rows, status.columns, status.colours, status.classes) == (8, 8, 1, 10)
        assert (status.camera, status.k, status.self_test, status.frames) == (1, 30, 1, 0)


def test_version_and_self_test(host: Host) -> None:
    version = host.request(GET_VERSION).payload
    image = flash_of(BOARD.board, BOARD.network)[BOARD.board.flash.network_offset :]
    assert version[:32].rstrip(b"\0") == b"owlbit-up5k-2"
    assert version[32:64].rstrip(b"\0").decode() == BOARD.network.name[:32]
    assert version[64:96] == hashlib.sha256(image[:0x80] + image[0xA0:-4]).digest()
    assert version[96:].rstrip(b"\0") == b"icesugar" and len(version) == 112
    result, first, got, expected = struct.unpack("<BBhh", host.request(RUN_SELFTEST).payload)
    assert (result, first, got) == (1, 0xFF, expected)
    assert host.status().frames == 0, "a self-test is no frame"


def test_pushed_frames_are_exact(host: Host) -> None:
    frames = images(4)
    for frame, expected in zip(frames, Golden(BOARD.network, POLICY).results(frames, pushed=True), strict=True):
        assert host.push(frame[0]) == expected
    assert host.status().frames == 4


def test_refusals(host: Host) -> None:
    assert host.acknowledged(0x8A) == UNKNOWN_TYPE
    assert host.acknowledged(0x01) == UNKNOWN_TYPE
    assert host.acknowledged(GET_STATUS, b"x") == WRONG_LENGTH
    assert host.acknowledged(SET_WAKE, POLICY.payload()[:-1]) == WRONG_LENGTH
    assert host.acknowledged(PUSH, struct.pack("<I", 0)) == WRONG_LENGTH
    assert host.acknowledged(PUSH, struct.pack("<I", 60) + b"x") == WRONG_OFFSET
    for policy in (Policy(3, 2, 0, 0), Policy(1, 17, 0, 0), Policy(17, 17, 0, 0), Policy(1, 0, 0, 0)):
        assert host.acknowledged(SET_WAKE, policy.payload()) == OUT_OF_RANGE
    assert host.request(GET_WAKE).payload == POLICY.payload(), "what was refused changed nothing"
    assert host.acknowledged(PUSH, struct.pack("<I", 0) + bytes(60)) == DONE
    assert host.acknowledged(PUSH, struct.pack("<I", 61) + bytes(3)) == WRONG_OFFSET
    assert host.acknowledged(PUSH, struct.pack("<I", 60) + bytes(5)) == OUT_OF_RANGE
    frame = images(1)[0]
    assert host.push(frame[0]).pushed, "a frame that begins anew"


def test_the_wake_policy_changes(host: Host) -> None:
    always, never, deaf = Policy(1, 1, 0, 0), Policy(0, 1, 0, 0), Policy(1, 2, 0xFFFFFFFF, 0)
    policies = [always, Policy(1, 4, 6, 3, (2, 9)), Policy(2, 16, 0, 1), never, deaf]
    golden = Golden(BOARD.network, POLICY)
    frames = images(2).repeat(2, 0)
    for policy in policies:
        assert host.acknowledged(SET_WAKE, policy.payload()) == DONE
        assert host.request(GET_WAKE).payload == policy.payload()
        golden.set_policy(policy)
        for frame, expected in zip(frames, golden.results(frames, pushed=True), strict=True):
            assert host.push(frame[0]) == expected


def test_reset_boots_again(host: Host) -> None:
    host.push(images(1)[0, 0])
    assert host.acknowledged(SET_WAKE, Policy(1, 1, 0, 0).payload()) == DONE
    assert host.acknowledged(RESET) == DONE
    host.wait(ERROR)
    assert host.request(GET_WAKE).payload == POLICY.payload()
    assert host.status().frames == 0
    frames = images(1, seed=9)
    assert host.push(frames[0, 0]) == Golden(BOARD.network, POLICY).results(frames, pushed=True)[0]


def test_damaged_packets_are_counted_and_forgotten(host: Host) -> None:
    good = packet(GET_STATUS)
    before = host.status().bad_packets
    damaged = bytearray(good)
    damaged[-1] ^= 1
    host.chip.send(bytes(damaged))
    host.chip.send(b"\xa5\x81\xff\xff")  # longer than any request
    host.chip.send(b"\x00\x12\xa5")  # noise, and the start of a packet that never comes
    host.chip.run(3_000)
    assert host.next_packet(0.1) is None
    host.chip.run(80_000)  # silence drops the beginning
    assert host.status().bad_packets >= before + 2


@pytest.mark.slow
def test_ten_thousand_damaged_packets_hang_nothing() -> None:
    """At four times the board's baud rate, so that the simulation takes minutes."""
    board = replace(BOARD.board, host=replace(BOARD.board.host, baud=460_800))
    fast = Rig(board, BOARD.network, POLICY)
    with fast.start({"absent": 1, "seed": 8}, executable=board_executable(board)) as chip:
        host = Host(chip)
        host.wait(ERROR)
        rng = random.Random(3)
        bad = 0
        for index in range(10_000):
            chip.send(damaged_packet(rng))
            if index % 200 == 199:
                while chip.waiting:
                    chip.run(20_000)
                chip.run(80_000)  # what was begun and not ended is dropped
                while host.next_packet(0.01):  # answers to packets that were whole after all
                    pass
                status = host.status(tries=3)
                assert status.protocol == 1, f"after {index + 1} packets"
                bad += status.bad_packets
        assert bad > 1000 and host.bad == 0
        frames = images(1)
        assert host.push(frames[0, 0]).scores == Golden(BOARD.network, POLICY).results(frames)[0].scores
        assert chip.of_kind("fault") == []
