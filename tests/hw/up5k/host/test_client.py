"""The client against a chip on a pseudo-terminal: every request, lost answers, noise, a port that is not one, a pulled cable."""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from board_device import Chip, on_a_port, packet
from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.build import network_image
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.flash_format import image_hash
from owlbit.hw.up5k.host.client import Device, DeviceError
from owlbit.hw.up5k.host.packets import Result
from owlbit.hw.up5k.host.stream import SpiStream, StreamError, open_port
from owlbit.hw.up5k.wake_policy import ChipPolicy
from random_networks import random_fitting_network, random_images

POLICY = ChipPolicy(needed=1, of=2, margin=0, hold_off_frames=3)


@pytest.fixture(scope="module")
def network() -> Network:
    return random_fitting_network(np.random.default_rng(7), max_size=9)


@pytest.fixture(scope="module")
def image(network: Network) -> bytes:
    return network_image(network, compile_network(network), POLICY)


@pytest.fixture
def chip(network: Network, image: bytes) -> Chip:
    return Chip(network, image, random_images(np.random.default_rng(2), network, 6))


@pytest.fixture
def device(chip: Chip) -> Iterator[Device]:
    with on_a_port(chip) as path:
        found = Device(open_port(path, 115200))
        yield found
        found.close()


def test_every_request(device: Device, chip: Chip, network: Network, image: bytes) -> None:
    status = device.hello()
    assert (status.state, status.camera, status.self_test, status.classes) == ("running", "HM01B0", "passed", network.classes)
    version = device.version()
    assert (version.network, version.board, version.sha256) == (network.name, "icesugar", image_hash(image))
    assert device.self_test().passed
    assert device.policy() == POLICY
    device.set_policy(ChipPolicy(2, 3, 70_000, 9, (1,)))
    assert device.policy() == ChipPolicy(2, 3, 70_000, 9, (1,))
    device.stop()
    assert device.status().state == "idle"
    device.start()
    assert device.status().state == "running"
    chip.booting = 3
    assert device.reset().state == "running"
    assert device.policy() == POLICY


def test_pushed_frames_give_the_reference_s_scores(device: Device, network: Network) -> None:
    images = random_images(np.random.default_rng(3), network, 3)
    for index, frame in enumerate(images):
        result = device.push(frame)
        np.testing.assert_array_equal(result.scores, simulate(network, frame[None])[0])
        assert (result.pushed, result.frame) == (True, index)
    assert device.status().state == "idle"  # a pushed frame stops the camera


def test_camera_frames_come_by_themselves(chip: Chip, network: Network) -> None:
    with on_a_port(chip, period_s=0.01) as path:
        device = Device(open_port(path, 115200))
        device.hello()
        came = [each for each in device.events(device.clock() + 0.5) if isinstance(each, Result)]
        device.close()
    assert chip.frames is not None
    assert [each.frame for each in came] == list(range(came[0].frame, came[0].frame + len(came)))
    assert len(came) > 5
    for each in came:
        np.testing.assert_array_equal(each.scores, simulate(network, chip.frames[None, each.frame % 6])[0])


def test_lost_answers_are_asked_for_again(device: Device, chip: Chip, network: Network) -> None:
    device.answer_s = 0.05
    device.hello()
    chip.drop_acks = 1
    device.stop()
    assert not chip.running
    for seed in range(3, 7):
        if seed % 2:
            chip.drop_acks = 1
        else:
            chip.drop_requests = 2
        frame = random_images(np.random.default_rng(seed), network, 1)[0]
        np.testing.assert_array_equal(device.push(frame).scores, simulate(network, frame[None])[0])


def test_refusals_are_told(network: Network, image: bytes) -> None:
    with on_a_port(Chip(network, image)) as path:
        device = Device(open_port(path, 115200))
        with pytest.raises(DeviceError, match="the chip refuses START: wrong state"):
            device.start()
        device.close()


def test_noise_before_the_first_packet_does_no_harm(chip: Chip) -> None:
    with on_a_port(chip, noise=b"hello\xa5\x01\xff" + packet(6, b"\x03")[:-1]) as path:
        device = Device(open_port(path, 115200))
        assert device.hello().state == "running"
        device.close()


def test_a_silent_port_and_another_device_are_told_apart(chip: Chip) -> None:
    chip.silent = True
    with on_a_port(chip) as path:
        device = Device(open_port(path, 115200), answer_s=0.1)
        with pytest.raises(DeviceError, match=r"expected an owlbit board, got nothing at all; is it the right port"):
            device.hello()
        device.close()
    with on_a_port(chip, noise=b"U-Boot 2026.01\n") as path:
        device = Device(open_port(path, 115200), answer_s=0.1)
        with pytest.raises(DeviceError, match=r"expected an owlbit board, got 15 bytes of something else"):
            device.hello()
        device.close()


def test_another_protocol_version_is_refused(device: Device, chip: Chip, monkeypatch: pytest.MonkeyPatch) -> None:
    status = chip.status()
    newer = packet(2, b"\x02" + status[5:-2])
    monkeypatch.setattr(chip, "status", lambda: newer)
    with pytest.raises(DeviceError, match="expected a board that speaks protocol 1, got protocol 2"):
        device.hello()


def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"expected a serial port, found none of that name; is the board plugged in\?"):
        open_port(str(tmp_path / "ttyACM9"), 115200)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StreamError, match="expected a serial port, could not open it"):
        open_port(str(tmp_path / "file"), 115200)


def test_a_port_in_use_is_told() -> None:
    master, slave = os.openpty()
    path = os.ttyname(slave)
    first = open_port(path, 115200)
    with pytest.raises(StreamError, match="another program uses this port"):
        open_port(path, 115200)
    first.close()
    os.close(master)
    os.close(slave)


def test_a_pulled_cable_is_one_sentence() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    device = Device(open_port(os.ttyname(slave), 115200))
    os.close(slave)
    timer = threading.Timer(0.2, os.close, [master])
    timer.start()
    with pytest.raises(StreamError, match=r"the board is gone .* was its cable pulled") as caught:
        list(device.events(device.clock() + 5))
    assert "\n" not in str(caught.value)
    timer.join()
    with pytest.raises(StreamError, match="the board is gone"):
        device.stop()


def test_spi_moves_the_same_packets(chip: Chip, network: Network) -> None:
    outgoing = bytearray()

    def transfer(values: list[int]) -> list[int]:
        outgoing.extend(chip.take(bytes(values), time.monotonic()))
        return [outgoing.pop(0) if outgoing else 0]

    device = Device(SpiStream("spi0", transfer, pause_s=0))
    assert device.hello().state == "running"
    frame = random_images(np.random.default_rng(4), network, 1)[0]
    np.testing.assert_array_equal(device.push(frame).scores, simulate(network, frame[None])[0])
    with pytest.raises(DeviceError, match="expected an owlbit board, got nothing at all"):
        Device(SpiStream("spi0", lambda values: [0]), answer_s=0.05).hello()


def test_pyserial_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "serial", None)
    with pytest.raises(OwlbitError, match=r"a serial port needs pyserial; `pip install --editable '.\[board\]'`"):
        open_port("/dev/ttyUSB0", 115200)
