"""Integers for the chip rank as the float factors do, for every pair of scores that can occur; or there are none."""

from __future__ import annotations

import numpy as np
import pytest

from owlbit.export.network import Network, Scores, Thermometer
from owlbit.export.score_scale import integer_ranking


def network(factors: list[float] | None, offsets: list[float] | None, fan_in: int, classes: int = 0) -> Network:
    count = classes or len(factors or offsets or [])
    weights = np.random.default_rng(0).integers(0, 2, (count, fan_in), dtype=np.uint8)
    first = Thermometer(np.arange(1, fan_in + 1, dtype=np.int32)[None])
    given, moved = (None if entry is None else np.array(entry, np.float32) for entry in (factors, offsets))
    return Network((1, 1, 1), (first, Scores(weights)), score_factors=given, score_offsets=moved)


def assert_ranks_alike(made: Network, bits: int) -> bool:
    """Compares every score of every class with every score of every other one; whether there are integers at all."""
    found = integer_ranking(made, bits)
    if found is None:
        return False
    scores = np.arange(-made.fan_in, made.fan_in + 1, 2, dtype=np.int32)
    floats = np.stack([made.ranked(np.full(made.classes, score, np.int32)) for score in scores]).astype(np.float64)
    whole = scores[:, None].astype(np.int64) * found.multipliers + found.offsets
    assert found.multipliers.min() >= 0 and found.multipliers.max() < 2 ** (bits - 1) and np.abs(whole).max() < 2**31
    for one in range(made.classes):
        for other in range(made.classes):
            by_floats = np.sign(floats[:, one, None] - floats[None, :, other])
            np.testing.assert_array_equal(np.sign(whole[:, one, None] - whole[None, :, other]), by_floats)
    return True


def test_a_network_without_factors_ranks_by_its_scores() -> None:
    found = integer_ranking(network(None, None, 9, classes=3))
    assert found is not None and found.multipliers.tolist() == [1, 1, 1] and found.offsets.tolist() == [0, 0, 0]


@pytest.mark.parametrize("bits", [8, 16, 24])
def test_random_factors_and_offsets(bits: int) -> None:
    rng = np.random.default_rng(bits)
    found = 0
    for _ in range(40):
        classes, fan_in = int(rng.integers(2, 6)), int(rng.integers(1, 40))
        factors = rng.uniform(0.01, 2, classes) if rng.random() < 0.7 else np.full(classes, rng.uniform(0.01, 2))
        offsets = rng.normal(scale=rng.choice([0.0, 1.0, 30.0]), size=classes)
        if rng.random() < 0.2:
            factors[0] = 0
        found += assert_ranks_alike(network(factors.tolist(), offsets.tolist(), fan_in), bits)
    assert found >= {8: 8, 16: 25, 24: 35}[bits]


def test_whole_and_binary_fractions_are_exact() -> None:
    assert assert_ranks_alike(network([0.5, 1.25, 3.0], [0.75, -2.0, 0.0], 64), 16)
    assert assert_ranks_alike(network([0.0, 1.0], [0.0, -4.0], 64), 16)


def test_what_needs_more_bits_than_there_are_is_left_to_the_host() -> None:
    assert integer_ranking(network([1.0, 1.0], [0.0, 2.0**-20], 8), 8) is None
    assert integer_ranking(network([1.0, 1.0], [0.0, 2.0**-20], 8), 8, 64) is None
    assert integer_ranking(network([1.0, 1.0], [0.0, 2.0**-20], 8), 23) is not None
