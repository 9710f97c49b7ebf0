"""The chip of a board with an ECP5, simulated: the package's own client and the packets of the protocol, pushed frames exact.

The circuit is one of the test's own (thermometer and scores), so that what is tested here is what lies around it.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from chip_golden import Golden, Policy
from chip_host import (
    DONE,
    ERROR,
    GET_STATUS,
    GET_VERSION,
    PUSH,
    RESET,
    RUN_SELFTEST,
    START,
    UNKNOWN_TYPE,
    WRONG_OFFSET,
    WRONG_STATE,
    Host,
    damaged_packet,
    packet,
)
from ecp5_chips import RIG_POLICY, Ecp5Rig, circuit_executable, ecp5_rig, scores_network
from owlbit.hw.ecp5.boards.record import SEED, network_record, noise_frame, record_bytes
from owlbit.hw.up5k.compiler.flash_format import image_hash, read_image
from owlbit.hw.up5k.host.simulated_stream import SimulatedStream
from owlbit.hw.verilator import missing_tools

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")
POLICY = Policy(RIG_POLICY.needed, RIG_POLICY.of, RIG_POLICY.margin, RIG_POLICY.hold_off_frames, RIG_POLICY.quiet)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Ecp5Rig:
    return ecp5_rig(tmp_path_factory.mktemp("chip"))


@pytest.fixture(params=[12_345, 83_333])
def host(rig: Ecp5Rig, request: pytest.FixtureRequest) -> Iterator[Host]:
    """A chip that has started; its circuit's clock is slower or faster than the control processor's."""
    with rig.start({"core_khz": request.param}) as chip:
        chip.run(2_000)
        yield Host(chip)
        assert chip.of_kind("fault") == []


def frames_of(rig: Ecp5Rig, count: int, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *rig.network.input_shape), dtype=np.uint8)


def test_the_client_asks_everything(rig: Ecp5Rig) -> None:
    frames = frames_of(rig, 4)
    golden = Golden(rig.network, POLICY)
    with rig.start({"uart_error": 0.015, "uart_jitter": 0.05}) as chip:
        chip.run(2_000)
        device = SimulatedStream(chip).device()
        status = device.hello()
        assert (status.rows, status.columns, status.colours, status.classes) == (5, 6, 3, 4)
        assert (status.camera, status.self_test, status.state) == ("none", "passed", "idle")
        version = device.version()
        assert version.sha256 == image_hash(rig.chip.image) and version.board == "ulx3s" and version.engine == "owlbit-ecp5-1"
        assert device.self_test().passed
        assert device.policy() == RIG_POLICY
        for frame, expected in zip(frames, golden.results(frames, pushed=True), strict=True):
            got = device.push(frame)
            assert tuple(got.scores) == expected.scores and (got.wakes, got.margin) == (expected.wake, expected.margin)
        assert device.reset().frames == 0 and device.bad == 0
        assert chip.of_kind("fault") == []


def test_packets_and_refusals(rig: Ecp5Rig, host: Host) -> None:
    frames = frames_of(rig, 3, seed=4)
    golden = Golden(rig.network, POLICY)
    for frame, expected in zip(frames, golden.results(frames, pushed=True), strict=True):
        assert host.push(np.ascontiguousarray(frame.transpose(1, 2, 0))) == expected
    assert host.acknowledged(START) == WRONG_STATE, "there is no camera"
    assert host.acknowledged(0x8A) == UNKNOWN_TYPE
    assert host.acknowledged(PUSH, struct.pack("<I", 60) + b"x") == WRONG_OFFSET
    damaged = bytearray(packet(GET_STATUS))
    damaged[-1] ^= 1
    host.chip.send(bytes(damaged))
    assert host.next_packet(5) is None
    assert host.status().bad_packets == 1


def test_a_frame_that_begins_anew_and_a_reset_amid_a_frame(rig: Ecp5Rig, host: Host) -> None:
    """Part of a frame is forgotten: the circuit is reset, and what it makes of the next frame is exact."""
    frame = frames_of(rig, 1, seed=7)
    expected = Golden(rig.network, POLICY).results(frame, pushed=True)[0]
    data = frame[0].transpose(1, 2, 0).tobytes()
    for _ in range(2):
        assert host.acknowledged(PUSH, struct.pack("<I", 0) + data[:37]) == DONE
        assert host.push(np.ascontiguousarray(frame[0].transpose(1, 2, 0))).scores == expected.scores
    assert host.acknowledged(PUSH, struct.pack("<I", 0) + data[:37]) == DONE
    assert host.acknowledged(RESET) == DONE
    host.chip.run(20_000)
    assert host.push(np.ascontiguousarray(frame[0].transpose(1, 2, 0))) == expected


@pytest.mark.slow
def test_a_self_test_that_fails_is_told(rig: Ecp5Rig, tmp_path: Path) -> None:
    """With the circuit of another network the chip says that it computes wrongly, and which score it gave."""
    other = scores_network(seed=2)
    wrong = replace(rig, executable=circuit_executable(tmp_path, rig.chip, other))
    with wrong.start() as chip:
        host = Host(chip)
        assert host.wait(ERROR).payload == b"\x05"
        result, first, got, expected = struct.unpack("<BBhh", host.request(RUN_SELFTEST).payload)
        frame = noise_frame(rig.network.input_shape)[None]
        ours, theirs = (Golden(each, POLICY).results(frame)[0].scores for each in (rig.network, other))
        assert result == 2 and (got, expected) == (theirs[first], ours[first]) and got != expected
        assert ours[:first] == theirs[:first]


def test_the_record_is_an_image_that_the_host_reads() -> None:
    network = scores_network(1, 4, 4, 3)
    image = read_image(network_record(network))
    assert image.input_shape == (1, 4, 4) and image.classes == 3 and image.engine == "owlbit-ecp5-1"
    assert image.self_test is not None
    np.testing.assert_array_equal(image.self_test.frame, noise_frame((1, 4, 4)))
    assert len(record_bytes(network_record(network), network)) == len(network_record(network)) - 16 - 4
    values = noise_frame((1, 256, 256)).ravel()
    assert values[0] == SEED & 0xFF and len(np.unique(values)) == 256 and abs(values.mean() - 127.5) < 1


def test_the_version_packet_is_the_records(rig: Ecp5Rig, host: Host) -> None:
    payload = host.request(GET_VERSION).payload
    assert payload[:96] == rig.chip.image[0x40:0xA0] and payload[96:].rstrip(b"\0") == b"ulx3s"


@pytest.mark.slow
def test_two_thousand_damaged_packets_hang_nothing(rig: Ecp5Rig) -> None:
    with rig.start() as chip:
        host, rng = Host(chip), random.Random(3)
        for index in range(2_000):
            chip.send(damaged_packet(rng))
            if index % 200 == 199:
                while chip.waiting:
                    chip.run(20_000)
                chip.run(80_000)
                while host.next_packet(0.01):
                    pass
                assert host.status(tries=3).protocol == 1
        frame = frames_of(rig, 1)
        expected = Golden(rig.network, POLICY).results(frame)[0].scores
        assert host.push(np.ascontiguousarray(frame[0].transpose(1, 2, 0))).scores == expected
        assert host.bad == 0 and chip.of_kind("fault") == []
