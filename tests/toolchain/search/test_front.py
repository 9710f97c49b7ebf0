"""The Pareto front, hypervolumes, pruning by curves, and the importance of parameters."""

from __future__ import annotations

import numpy as np
import pytest

from owlbit.toolchain.search.front import front_of, hypervolume, spread_over, volume, worst_point
from owlbit.toolchain.search.importance import importance
from owlbit.toolchain.search.pruning import floor_of
from owlbit.toolchain.search.records import PRUNED
from owlbit.toolchain.search.space import Choice, Range
from search_cases import trial


def test_the_front_has_what_nothing_beats() -> None:
    trials = [
        trial(0, 0.90, bits=1000),
        trial(1, 0.95, bits=2000),
        trial(2, 0.89, bits=1500),  # beaten by 0
        trial(3, 0.95, bits=2000),  # equal to 1
        trial(4, None, bits=10, kind=PRUNED),
        trial(5, 0.50, bits=500),
    ]
    assert [each.number for each in front_of(trials, ("bits",))] == [5, 0, 1]
    assert [each.number for each in front_of(trials, ())] == [1]


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_hypervolume_is_that_of_a_fine_grid(axes: int) -> None:
    points = np.random.default_rng(axes).random((12, axes))
    steps = (np.indices((40,) * axes).reshape(axes, -1).T + 0.5) / 40
    inside = np.mean([(points <= step).all(axis=1).any() for step in steps])
    assert hypervolume([tuple(point) for point in points]) == pytest.approx(inside, abs=0.03)


def test_hypervolumes_that_are_known() -> None:
    assert hypervolume([(0.5, 0.5)]) == 0.25
    assert hypervolume([(0.5, 0.5), (0.25, 0.75), (0.6, 0.6)]) == 0.25 + 0.25 * 0.25
    assert hypervolume([(1.0, 0.2)]) == hypervolume([]) == 0.0
    trials = [trial(0, 0.8, bits=1000), trial(1, 0.9, bits=1000), trial(2, 0.8, bits=100)]
    reference = worst_point(trials, ("bits",))
    assert reference == pytest.approx((0.2, 1000))
    # 1: half of the error, no bits saved; 2: a tenth of the bits, half of the scale of two decades; each alone dominates nothing
    assert volume(trials, ("bits",), reference) == pytest.approx(0.0)
    both = [*trials, trial(3, 0.9, bits=100)]
    assert volume(both, ("bits",), reference) == pytest.approx(0.5 * 0.5)


def test_finals_are_spread_over_the_front_with_the_best_among_them() -> None:
    front = [trial(number, accuracy, bits=number) for number, accuracy in enumerate((0.1, 0.9, 0.3, 0.4, 0.5))]
    assert [each.number for each in spread_over(front, 3)] == [1, 2, 4]
    assert [each.number for each in spread_over(front, 1)] == [1]
    assert spread_over(front, 0) == [] and spread_over(front, 9) == front


def test_a_trial_is_held_against_cheaper_ones_of_equal_length() -> None:
    cheap = [trial(number, 0.9, bits=100, curve=(0.1 * number, 0.5, 0.4, 0.9, 0.9, 0.9)) for number in range(5)]
    others = [trial(7, 0.9, bits=900, curve=(0.99,) * 6), trial(8, 0.9, bits=100, curve=(0.99,) * 3)]
    # a third of six epochs is spared, and so is the last; a curve is the best up to an epoch
    assert floor_of([*cheap, *others], {"bits": 200}, ("bits",), 6) == (None, 0.5, 0.5, 0.9, 0.9, None)
    assert floor_of([*cheap, *others], {"bits": 99}, ("bits",), 6) == (None,) * 6  # nothing is cheaper: it may be on the front
    assert floor_of(cheap[:4], {"bits": 200}, ("bits",), 6) == (None,) * 6  # too few to tell


def test_importance_is_the_share_that_a_parameter_explains() -> None:
    parameter = Choice("input.thresholds", (2, 3))
    decides = [trial(number, 0.5 + 0.4 * (number % 2)) for number in range(12)]
    assert importance(parameter, decides, [each.accuracy for each in decides]) == pytest.approx(1.0)
    noise = np.random.default_rng(0).random(200)
    nothing = [trial(number, value) for number, value in enumerate(noise)]
    assert importance(parameter, nothing, list(noise)) == pytest.approx(0.0, abs=0.02)
    assert importance(parameter, decides[:4], [0.1] * 4) is None
    assert importance(Range("training.rate", 0.1, 0.2), decides, [0.1] * 12) is None  # no trial has it
