"""The integers by which a chip ranks: the class of `Network.ranked` for all scores, or none at all and said so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from owlbit.export.network import Network
from owlbit.hw.up5k.build import network_image
from owlbit.hw.up5k.class_table import rank_on_chip
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.flash_format import read_image
from owlbit.models.layer_table import Conv
from owlbit.toolchain.runs.untrained_network import untrained_network
from owlbit.toolchain.sensing.wake import WakePolicy
from random_networks import Varied


def network(factors: list[float] | None, offsets: list[float] | None, seed: int = 1) -> Network:
    classes = 5 if factors is None else len(factors)
    made = untrained_network((1, 4, 4), 8, [Conv(16, 3, 1, 1, pool=2)], classes, Varied(np.random.default_rng(seed)))
    if factors is None or offsets is None:
        return made
    return replace(made, score_factors=np.array(factors, np.float32), score_offsets=np.array(offsets, np.float32))


def all_pairs_agree(made: Network) -> bool:
    """Of any two classes with any scores the same one wins, by brute force."""
    ranking, fan_in = rank_on_chip(made), made.fan_in
    values = np.arange(-fan_in, fan_in + 1, 2, dtype=np.int32)
    floats = made.ranked(np.repeat(values[:, None], made.classes, axis=1))
    whole = ranking.values(np.repeat(values[:, None], made.classes, axis=1))
    assert np.abs(whole).max() < 2**31
    return all(
        np.array_equal(floats[:, a][:, None] >= floats[:, b], whole[:, a][:, None] >= whole[:, b])
        for a in range(made.classes)
        for b in range(a + 1, made.classes)
    )


def test_plain_scores_need_no_table() -> None:
    ranking = rank_on_chip(network(None, None))
    assert (ranking.table, ranking.scale, ranking.host_decides) == (None, 1.0, False)
    np.testing.assert_array_equal(ranking.values(np.array([3, -2], np.int32)), [3, -2])


def test_the_scale_is_that_of_the_factors() -> None:
    for made in (network([1, 2, 3], [4, -5, 0]), network([0.5, 1, 0], [0, 0.5, 3])):
        ranking = rank_on_chip(made)
        assert ranking.table is not None and made.score_factors is not None
        np.testing.assert_allclose(ranking.table[:, 0], made.score_factors * ranking.scale, atol=0.5)
        assert all_pairs_agree(made)


@pytest.mark.parametrize("seed", range(12))
def test_other_factors_rank_as_in_float32(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = float(10.0 ** rng.integers(-6, 7))
    factors, offsets = size * rng.random(6), size * 20 * (rng.random(6) - 0.5)
    made = network(factors.tolist(), offsets.tolist(), seed)
    assert rank_on_chip(made).host_decides or all_pairs_agree(made)
    assert not rank_on_chip(made).host_decides


def test_ties_go_to_the_first_class() -> None:
    made = network([0.1, 0.1, 0.2], [0.3, 0.3, 0.0])
    assert not rank_on_chip(made).host_decides
    assert all_pairs_agree(made)


def test_what_no_integers_rank_is_the_host_s() -> None:
    """Offsets that float32 rounds away for large scores and keeps for small ones."""
    made = network([1e6, 1e6, 1.0], [0.0, 0.03, 0.0])
    ranking = rank_on_chip(made)
    assert ranking.host_decides
    image = read_image(network_image(made, compile_network(made), WakePolicy(margin=1).on_chip(made)))
    assert image.host_decides
    assert image.class_table is None
    assert image.policy.needed == 0


def test_the_flash_carries_table_and_margin() -> None:
    made = network([0.25, 0.5, 0.125, 1.5], [1.0, -3.0, 0.0, 0.5])
    ranking = rank_on_chip(made)
    image = read_image(network_image(made, compile_network(made), WakePolicy(margin=6).on_chip(made)))
    assert image.class_table is not None and ranking.table is not None
    np.testing.assert_array_equal(image.class_table, ranking.table)
    assert image.policy.margin == round(6 * ranking.scale)
