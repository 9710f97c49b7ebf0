"""The whole chip of a board whose host is an SPI controller: the same protocol, and packets that the host breaks off."""

from __future__ import annotations

import numpy as np
import pytest

from board_chips import POLICY, flash_of, rig, small_network, with_crc
from chip_golden import Golden
from chip_host import DONE, ERROR, GET_STATUS, GET_VERSION, IDLE, RUN_SELFTEST, START, WRONG_STATE, Host, packet

BOARD = rig("upduino", network=small_network(8, 8))


# The oscillator of the chip is within 10 %; the host's clock is what it is.
@pytest.mark.parametrize("clock_khz", [21_600, 26_400])
def test_requests_and_pushed_frames(clock_khz: int) -> None:
    frames = np.random.default_rng(3).integers(0, 256, (3, *BOARD.network.input_shape), dtype=np.uint8)
    with BOARD.start({"clock_khz": clock_khz, "spi_hz": 2_600_000}) as chip:
        host = Host(chip)
        chip.run(20_000)
        status = host.status()
        assert (status.state, status.error, status.camera, status.k, status.self_test) == (IDLE, 0, 0, 0, 1)
        assert host.request(GET_VERSION).payload[96:].rstrip(b"\0") == b"upduino"
        assert host.request(RUN_SELFTEST).payload[0] == 1
        assert host.acknowledged(START) == WRONG_STATE, "there is no camera"
        for frame, expected in zip(frames, Golden(BOARD.network, POLICY).results(frames, pushed=True), strict=True):
            assert host.push(frame[0]) == expected
        assert host.status().bad_packets == 0
        assert chip.of_kind("fault") == []


def test_a_packet_that_the_host_breaks_off() -> None:
    with BOARD.start() as chip:
        host = Host(chip)
        chip.run(20_000)
        chip.received.clear()
        chip.send(packet(GET_VERSION))
        chip.run(3_000)  # the request, and the beginning of its answer of 118 bytes
        assert 0xA5 in chip.received
        chip.command("select 0")
        chip.run(10_000)
        chip.command("select 1")
        chip.run(5_000)
        chip.received.clear()
        assert host.status().state == IDLE
        assert len(host.request(GET_VERSION).payload) == 112
        assert host.bad == 0


def test_an_error_waits_until_the_host_listens() -> None:
    flash = bytearray(flash_of(BOARD.board, BOARD.network))
    at = len(flash) - 4 - 64 - 2 * 10
    flash[at + 1] ^= 0x04
    with BOARD.start(flash=with_crc(flash, BOARD.board.flash.network_offset)) as chip:
        host = Host(chip)
        chip.command("select 0")
        chip.run(30_000)
        assert not chip.received
        chip.command("select 1")
        assert host.request(GET_STATUS, tries=3).payload[2] == 5
        assert ERROR not in host.kinds() or host.bad == 0
        assert host.request(RUN_SELFTEST, tries=3).payload[0] == 2
        assert host.acknowledged(START, tries=3) != DONE
