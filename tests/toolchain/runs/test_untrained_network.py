"""Networks of a layer table without training: the layers of the table, integers by the seed, and simulators that agree."""

from __future__ import annotations

import numpy as np
import pytest

from owlbit.export.network import BinaryConv, BinaryLinear, ChannelShuffle, LogicSkip, OrPool, Thermometer
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.hw import fast, reference
from owlbit.models.layer_table import Conv, Linear, layer_shapes, weight_bits
from owlbit.toolchain.benchmarks.simulator_networks import reference96
from owlbit.toolchain.runs.untrained_network import Numbers, Random, Zeros, untrained_network
from random_networks import Varied, random_images

TABLE = (
    Conv(12, pool=2),
    Conv(12, groups=4, shuffle=True, skip="mux"),
    Conv(12, kernel=1, skip="xor"),
    Conv(8, stride=2, padding=False),
    Linear(9),
)


@pytest.mark.parametrize("numbers", [Zeros(), Random(3), Varied(np.random.default_rng(3))])
def test_it_has_the_layers_of_the_table(numbers: Numbers) -> None:
    network = untrained_network((3, 13, 11), 2, TABLE, 4, numbers)
    kinds = [type(layer) for layer in network.layers[:-1]]
    skipped = [BinaryConv, LogicSkip]
    assert kinds == [Thermometer, BinaryConv, OrPool, ChannelShuffle, *skipped, *skipped, BinaryConv, BinaryLinear]
    assert network.shapes[-2] == layer_shapes((6, 13, 11), TABLE)[-1]
    assert total_cost(layer_costs(network)).weight_bits == weight_bits((6, 13, 11), TABLE, 4)
    images = random_images(np.random.default_rng(0), network)
    np.testing.assert_array_equal(fast.simulate(network, images), reference.simulate(network, images))


def test_a_seed_decides_the_integers() -> None:
    first, again, other = (untrained_network((1, 8, 8), 4, TABLE[:2], 4, Random(seed)) for seed in (1, 1, 2))
    assert first.same_as(again) and not first.same_as(other)


def test_reference96_comes_from_its_recipe() -> None:
    network = reference96()
    assert (network.name, network.input_shape, network.shapes[-2], network.classes) == ("reference96", (1, 96, 96), (512, 3, 3), 10)
