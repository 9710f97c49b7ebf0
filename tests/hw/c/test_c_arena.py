"""The arena of the C files: no maps that are alive at once overlap, it is as small as promised, and more than 4 GB are refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from owlbit.export.errors import OwlbitError
from owlbit.export.network import ChannelShuffle, Layer, LogicSkip, Network, Scores
from owlbit.hw.c.arena import Lifetime, place_maps
from owlbit.hw.c.plan import plan_network
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.runs.untrained_network import random_bits
from owlbit.toolchain.zoo.card import read_cards
from random_networks import random_conv, random_network, random_thermometer


def assert_apart(lifetimes: list[Lifetime], places: tuple[int, ...], words: int) -> None:
    spans = [(place, place + each.words, each) for place, each in zip(places, lifetimes, strict=True)]
    for index, (start, end, own) in enumerate(spans):
        assert start >= 0 and end <= words
        for other_start, other_end, other in spans[:index]:
            assert end <= other_start or other_end <= start or own.last < other.first or other.last < own.first


def bits_alive(network: Network) -> tuple[int, int]:
    """(bits, maps): the most that are alive at once, where every layer but a shuffle has a map; from the layers alone."""
    maps: list[int] = []  # which map each layer's output is
    sizes: list[int] = []
    last: list[int] = []
    for layer, _, shape in network.steps():
        if not isinstance(layer, ChannelShuffle):
            for read in (*maps[-1:], *([maps[layer.source]] if isinstance(layer, LogicSkip) else [])):
                last[read] = len(sizes)
            sizes.append(int(np.prod(shape)))
            last.append(len(sizes))
        maps.append(len(sizes) - 1)
    sizes[-1] = 0  # the scores are the caller's
    alive = [[size for made, size in enumerate(sizes) if made <= step <= last[made] and size] for step in range(len(sizes))]
    return max(sum(each) for each in alive), max(len(each) for each in alive)


def test_random_networks_stay_within_a_tenth_of_what_is_alive() -> None:
    """The largest sum of maps alive at once, in bits, plus 10 %; and the rounding of each of these maps to words of 32 bits."""
    skips = pools = 0
    for seed in range(300):
        network = random_network(np.random.default_rng(seed), max_size=16, max_channels=48, blocks=6)
        plan = plan_network(network)
        made = {id(step.target): (number, step.target) for number, step in enumerate(plan.steps) if step.target}
        last = {id(each): number for number, step in enumerate(plan.steps) for each in (step.source, step.earlier) if each}
        lifetimes = [Lifetime(each.words, first, last[key]) for key, (first, each) in made.items()]
        assert_apart(lifetimes, tuple(each.place for _, each in made.values()), plan.arena.words)
        bits, alive = bits_alive(network)
        assert plan.most_bits == bits
        assert 32 * plan.arena.words <= 1.1 * bits + 31 * alive
        skips += any(isinstance(layer, LogicSkip) for layer in network.layers)
        pools += any(step.pool is not None for step in plan.steps)
    assert skips > 50 and pools > 20


def test_the_zoo_stays_within_a_tenth_with_its_rounding() -> None:
    for card in read_cards():
        plan = plan_network(find_model(f"zoo:{card.name}").load())
        assert 32 * plan.arena.words <= 1.1 * plan.most_bits


def test_maps_in_a_chain_take_no_more_than_two_neighbours() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        sizes = rng.integers(1, 1000, 12).tolist()
        lifetimes = [Lifetime(size, index, index + 1) for index, size in enumerate(sizes)]
        arena = place_maps(lifetimes)
        assert_apart(lifetimes, arena.places, arena.words)
        assert arena.words == max(a + b for a, b in pairwise(sizes))


def test_more_than_4_gb_are_refused() -> None:
    """Each of 600 maps of 8 MB is joined with one of the last maps, so that all are alive at once."""
    rng = np.random.default_rng(1)
    conv = random_conv(rng, (16, 2048, 2048), 16, 16, (1, 1), (1, 1), (0, 0, 0, 0))
    last = random_conv(rng, (16, 2048, 2048), 1, 1, (1024, 1024), (1024, 1024), (0, 0, 0, 0))
    skips = [LogicSkip(index, "or") for index in range(600)]
    layers: list[Layer] = [random_thermometer(rng, 1, 16, True), *[conv] * 600, *skips, last, Scores(random_bits(rng, 2, 4))]
    with pytest.raises(OwlbitError, match=r"^c: expected maps of at most 4,294,967,295 bytes alive at once, got 5,0[\d,]+$"):
        plan_network(Network((1, 2048, 2048), tuple(layers)))
