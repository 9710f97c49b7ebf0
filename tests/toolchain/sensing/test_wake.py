"""The wake policy: k of n, hold-off, margin, contrast, quiet classes."""

from __future__ import annotations

import numpy as np
import pytest

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.sensing.wake import WakePolicy, Waker, contrast, decide


def events(policy: WakePolicy, frames: list[tuple[int, int]]) -> list[int]:
    """Indices of the frames, (decision, margin) each at full contrast, that wake."""
    waker = Waker(policy)
    return [index for index, (decision, margin) in enumerate(frames) if waker.agree(decision, waker.is_sure(decision, margin, 1.0))]


def test_k_of_n_frames_must_agree() -> None:
    policy = WakePolicy(margin=10, needed=3, of=5, hold_off_frames=0)
    sure, unsure, other = (4, 10), (4, 9), (7, 50)
    assert events(policy, [sure, sure]) == []
    assert events(policy, [sure, unsure, sure, other, sure]) == [4]
    assert events(policy, [sure, unsure, unsure, sure, unsure, sure]) == []
    assert events(policy, [sure, other, sure, other, other]) == [4]


def test_after_an_event_votes_and_time_begin_anew() -> None:
    policy = WakePolicy(margin=0, needed=2, of=3, hold_off_frames=4)
    assert events(policy, [(1, 5)] * 12) == [1, 6, 11]
    assert events(WakePolicy(margin=0, needed=2, of=3, hold_off_frames=0), [(1, 5)] * 6) == [1, 3, 5]


def test_frames_of_the_hold_off_count_for_later_ones() -> None:
    policy = WakePolicy(margin=0, needed=2, of=2, hold_off_frames=1)
    assert events(policy, [(1, 5)] * 6) == [1, 3, 5]
    assert events(WakePolicy(margin=0, needed=1, of=1, hold_off_frames=3), [(1, 5)] * 9) == [0, 4, 8]


def test_needed_0_never_wakes() -> None:
    assert events(WakePolicy(margin=0, needed=0, of=1, hold_off_frames=0), [(1, 5)] * 9) == []


def test_against_the_rule_written_plainly() -> None:
    """Every frame looks at the whole past, as the specification of the chip says it."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        of = int(rng.integers(1, 17))
        policy = WakePolicy(
            margin=5, needed=int(rng.integers(0, of + 1)), of=of, hold_off_frames=int(rng.integers(0, 9)), quiet=(2,)
        )
        frames = [(int(decision), int(margin)) for decision, margin in rng.integers(0, [3, 11], (60, 2))]
        expected: list[int] = []
        for now, (decision, margin) in enumerate(frames):
            since = expected[-1] + 1 if expected else 0
            window = frames[max(since, now - of + 1) : now + 1]
            sure = sum(other == decision and lead >= 5 for other, lead in window)
            held = bool(expected) and now - expected[-1] <= policy.hold_off_frames
            if margin >= 5 and decision != 2 and sure >= policy.needed > 0 and not held:
                expected.append(now)
        assert events(policy, frames) == expected


def test_host_is_awake_during_the_hold_off() -> None:
    waker = Waker(WakePolicy(margin=0, needed=1, of=1, hold_off_frames=2))
    awake = []
    for sure in (False, True, True, True, False):
        waker.agree(0, sure)
        awake.append(waker.is_awake)
    assert awake == [False, True, True, True, False]


def test_quiet_classes_and_flat_frames_are_never_sure() -> None:
    waker = Waker(WakePolicy(margin=5, contrast=0.3, quiet=(2,)))
    assert waker.is_sure(1, 5, 0.3)
    assert not waker.is_sure(2, 99, 1.0)
    assert not waker.is_sure(1, 5, 0.29)


def test_decide_takes_the_first_of_equal_scores() -> None:
    assert decide(np.array([3, 9, 9, -1], np.int32)) == (1, 0)
    assert decide(np.array([-8, -2], np.int32)) == (1, 6)
    assert decide(np.array([7], np.int32)) == (0, 7)
    assert decide(np.array([-7], np.int32)) == (0, 0)
    assert decide(np.array([-(2**31), 2**31 - 1], np.int32)) == (1, 2**32 - 1)


def test_contrast_is_a_spread_of_comparators() -> None:
    counts = np.array([0] * 9 + [1, 2, 3] * 27 + [4] * 10)
    bits = (np.arange(4)[:, None] < counts).astype(np.uint8).reshape(4, 10, 10)
    assert contrast(bits, 1) == (np.sort(counts)[89] - np.sort(counts)[10]) / 4
    assert contrast(np.ones((4, 10, 10), np.uint8), 1) == 0
    two = np.concatenate([np.zeros_like(bits), bits])
    assert contrast(two, 2) == contrast(bits, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"needed": -1},
        {"needed": 6},
        {"of": 17},
        {"margin": -1},
        {"hold_off_frames": -1},
        {"hold_off_frames": 65536},
        {"contrast": 1.1},
    ],
)
def test_impossible_policies_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(OwlbitError, match="wake policy: expected"):
        WakePolicy(**wrong)  # type: ignore[arg-type]
