"""The package's own client against the simulated chip, in simulated time: both sides of the protocol, written apart, agree."""

from __future__ import annotations

import numpy as np
import pytest

from board_chips import POLICY, flash_of, frames_of, rig, scenes, small_network
from chip_golden import Golden, Policy
from chip_host import Result as GoldenResult
from owlbit.hw.up5k.compiler.flash_format import image_hash
from owlbit.hw.up5k.host.packets import Result
from owlbit.hw.up5k.host.simulated_stream import SimulatedStream
from owlbit.hw.up5k.wake_policy import ChipPolicy


def golden_form(got: Result) -> GoldenResult:
    """What the client read, as the golden model says it."""
    scores = tuple(int(score) for score in got.scores)
    return GoldenResult(got.frame, got.wakes, got.sure, got.pushed, got.held, got.decision, got.margin, scores)


def test_the_client_asks_everything() -> None:
    board = rig(network=small_network(8, 8))
    golden = Golden(board.network, POLICY)
    frames = np.random.default_rng(3).integers(0, 256, (3, 1, 8, 8), dtype=np.uint8)
    with board.start({"absent": 1}) as chip:
        device = SimulatedStream(chip).device()
        chip.run(10_000)
        status = device.hello()
        assert (status.rows, status.columns, status.classes) == (8, 8, 10)
        image = flash_of(board.board, board.network)[board.board.flash.network_offset :]
        assert device.version().sha256 == image_hash(image)
        assert device.self_test().passed
        assert device.policy() == ChipPolicy(POLICY.needed, POLICY.of, POLICY.margin, POLICY.hold_off_frames, POLICY.quiet)
        device.set_policy(ChipPolicy(1, 2, 5, 1, (4,)))
        golden.set_policy(Policy(1, 2, 5, 1, (4,)))
        for frame, expected in zip(frames, golden.results(frames, pushed=True), strict=True):
            assert golden_form(device.push(frame)) == expected
        assert device.reset().frames == 0
        assert device.bad == 0


@pytest.mark.slow
def test_the_client_follows_the_camera() -> None:
    board = rig()
    pictures = scenes("hm01b0", 4, seed=4)
    expected = Golden(board.network, board.policy).results(frames_of(pictures, board.network))
    with board.start({"frames": 4}, pictures=pictures) as chip:
        device = SimulatedStream(chip).device()
        assert [golden_form(event) for event in device.events(0.22) if isinstance(event, Result)] == expected
        device.stop()
        assert device.status().wakes == sum(result.wake for result in expected)


@pytest.mark.slow
def test_the_client_starts_and_stops_while_frames_come() -> None:
    board = rig()
    with board.start(pictures=scenes("hm01b0", 6, seed=4)) as chip:
        device = SimulatedStream(chip).device()
        chip.run(60_000)
        for _ in range(6):
            device.stop()
            device.start()
            chip.run(45_000)
            assert device.status().state == "running"
        assert device.bad == 0
