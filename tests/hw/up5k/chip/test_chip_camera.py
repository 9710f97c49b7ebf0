"""The whole chip of a board with its camera: every frame's packet and the wake pin are what the definitions say, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from board_chips import Rig, demo_network, frames_of, rig, scenes, small_network
from chip_golden import Golden, Policy
from chip_host import DONE, ERROR, IDLE, PUSH, RESULT, RUNNING, START, STOP, Host, read_result
from owlbit.export.network import Network
from owlbit.hw.up5k.chip_simulation import ChipSimulation
from owlbit.models.layer_table import Conv
from owlbit.toolchain.runs.untrained_network import untrained_network
from random_networks import Varied

MS = 1000.0


def check_frames(board: Rig, count: int, options: Mapping[str, object], timeout_ms: float = 400) -> ChipSimulation:
    """Lets a camera show `count` pictures and demands the golden packets and wake-ups for them; returns the chip, still running."""
    pictures = scenes(board.board.camera.kind if board.board.camera else "", count, seed=7)
    golden = Golden(board.network, board.policy).results(frames_of(pictures, board.network))
    chip = board.start({**options, "frames": count}, pictures=pictures)
    host = Host(chip)
    for expected in golden:
        got = host.wait(RESULT, 3000 if expected.frame == 0 else timeout_ms)
        assert read_result(got.payload) == expected
    assert chip.of_kind("fault") == []
    assert host.bad == 0 and not host.noise.strip(b"\0")
    assert ERROR not in host.kinds()
    status = host.status(tries=3)
    wakes = sum(result.wake for result in golden)
    assert (status.state, status.error, status.frames, status.wakes, status.skipped) == (RUNNING, 0, count, wakes, 0)
    assert len(chip.rises("wake")) == wakes
    return chip


def test_frames_and_wake_ups_are_exact() -> None:
    board = rig()
    with check_frames(board, 4, {"gap_lines": 40, "clock_mhz": 24.0013, "uart_error": 0.02, "uart_jitter": 0.02}) as chip:
        assert len(chip.rises("wake")) == 1
        written = [event.value for event in chip.of_kind("i2c") if event.value.startswith("write")]
        assert written[-1] == "write 0100 01" and "write 0103 01" in written[:2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count", "options"),
    [
        ("icesugar", 200, {"gap_lines": 60, "seed": 2}),
        ("icesugar", 30, {"gated_pclk": 1, "clock_mhz": 23.97, "seed": 3, "flash_awake": 1}),
        ("icebreaker", 30, {"gap_lines": 30, "seed": 4, "extra_columns": 3}),
    ],
)
def test_many_frames_with_random_gaps(name: str, count: int, options: dict[str, object]) -> None:
    check_frames(rig(name), count, options).close()


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "columns"), [(15, 20), (8, 8), (9, 31), (120, 160), (128, 128), (1, 1), (48, 5), (28, 28)])
def test_every_side_of_the_squares(rows: int, columns: int) -> None:
    """k from 1 to 240, with windows that do and do not fill the picture."""
    check_frames(rig(network=small_network(rows, columns)), 3, {"gap_lines": 5}).close()


def test_the_wake_pin_follows_the_last_pixel_within_a_millisecond() -> None:
    """For the demo's network; the window of 240 x 240 ends with the picture's last row."""
    policy = Policy(needed=2, of=3, margin=0, hold_off_frames=0)
    board = rig(network=demo_network(), policy=policy)
    pictures = scenes("hm01b0", 1, seed=1)
    options = {"frames": 2, "mark_row": 2 + 239, "mark_column": 2 + 40 + 239}
    with board.start(options, pictures=pictures) as chip:
        chip.run(3000 * MS, wakes=1)
        late = chip.rises("wake")[0] - chip.of_kind("mark")[1].time_us
        print(f"from the last pixel to the wake pin: {late:.0f} us")
        assert 0 < late < 1 * MS
        chip.run(20 * MS)
        falls = [event.time_us for event in chip.of_kind("pin") if event.value == "wake 0"]
        assert 1 * MS <= falls[-1] - chip.rises("wake")[0] < 5 * MS, "there is no hold-off: a pulse"


@pytest.mark.slow
def test_stop_and_start() -> None:
    board = rig()
    with board.start(pictures=scenes("hm01b0", 4, seed=1)) as chip:
        host = Host(chip)
        host.wait(RESULT, 3000)
        assert host.acknowledged(STOP, timeout_ms=100, tries=5) == DONE
        chip.run(40 * MS)  # a frame that had begun may still give its result
        assert host.status(tries=3).state == IDLE
        before = len(host.results())
        assert host.next_packet(80) is None
        assert host.acknowledged(START, timeout_ms=100, tries=5) == DONE
        assert read_result(host.wait(RESULT).payload).frame == before
        assert host.status(tries=5).state == RUNNING


@pytest.mark.slow
@pytest.mark.parametrize("delay_us", [1_000, 12_000, 25_000])
def test_a_frame_that_is_pushed_while_frames_come(delay_us: int) -> None:
    """It waits for the camera's frame, whose result comes first, and stops the camera."""
    board = rig()
    pictures = scenes("hm01b0", 6, seed=1)
    pushed = np.random.default_rng(4).integers(0, 256, (1, *board.network.input_shape), dtype=np.uint8)
    with board.start({}, pictures=pictures) as chip:
        host = Host(chip)
        host.wait(RESULT, 3000)
        chip.run(delay_us)
        first = pushed.tobytes()[:60]
        assert host.acknowledged(PUSH, bytes(4) + first, timeout_ms=150, tries=3) == DONE
        assert host.push(pushed[0, 0]).scores == Golden(board.network, board.policy).results(pushed)[0].scores
        assert host.status().state == IDLE
        results = host.results()
        shown = Golden(board.network, board.policy).results(frames_of(pictures[: len(results) - 1], board.network))
        assert results[:-1] == shown and results[-1].frame == len(shown)
        assert host.acknowledged(START) == DONE
        assert not read_result(host.wait(RESULT).payload).pushed


@pytest.mark.slow
def test_requests_are_answered_while_frames_come() -> None:
    with rig().start({"seed": 5}, pictures=scenes("hm01b0", 4, seed=1)) as chip:
        host = Host(chip)
        host.wait(RESULT, 3000)
        lost = 0
        for index in range(40):
            chip.run(1700 * (index % 7))
            sent = chip.time_us
            host.status(tries=5)
            lost += chip.time_us - sent > 100 * MS
        assert lost <= 10
        frames = [result.frame for result in host.results()]
        assert frames == list(range(len(frames)))


def slow_network() -> Network:
    """A network whose frame takes the engine longer than the camera takes for one."""
    layers = [*(Conv(64) for _ in range(4)), Conv(64, pool=2), Conv(32, pool=2)]
    return untrained_network((1, 64, 64), 8, layers, 10, Varied(np.random.default_rng(2)))


@pytest.mark.slow
def test_frames_that_come_while_the_engine_works_are_skipped_and_counted() -> None:
    board = rig(network=slow_network())
    pictures = scenes("hm01b0", 12, seed=9)
    expected = Golden(board.network, board.policy).results(frames_of(pictures, board.network))
    picture_of = {result.scores: index for index, result in enumerate(expected)}
    assert len(picture_of) == len(expected)
    with board.start({"frames": 12}, pictures=pictures) as chip:
        host = Host(chip)
        host.wait(RESULT, 3000)
        while host.next_packet(250):
            pass
        shown = [picture_of[result.scores] for result in host.results()]
        assert shown == sorted(set(shown)) and shown[0] == 0
        status = host.status()
        assert status.frames == len(shown) == 12 - status.skipped
        assert 3 <= len(shown) <= 9
        assert [result.frame for result in host.results()] == list(range(len(shown)))


@pytest.mark.slow
def test_pixels_that_come_too_fast_are_an_error_and_give_no_scores() -> None:
    """Squares of one pixel: each is a division. At 36 MHz in place of 24 the camera is faster than that."""
    board = rig(network=small_network(128, 128))
    with board.start({"clock_mhz": 36, "frames": 6}, pictures=scenes("hm01b0", 6, seed=9)) as chip:
        host = Host(chip)
        assert host.wait(ERROR, 3000).payload == bytes([6])
        assert host.results() == []
        assert host.status(tries=5).error == 6
