"""The fast simulator gives the reference's integers, and the QONNX executor's: over random networks and over every corner case."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from owlbit.export.network import BinaryConv, BinaryLinear, ChannelShuffle, Layer, LogicSkip, Network, OrPool, Scores, Thermometer
from owlbit.export.qonnx.execute import execute_qonnx
from owlbit.export.qonnx.write import write_qonnx
from owlbit.hw import fast, reference
from owlbit.toolchain.runs.untrained_network import random_bits
from random_networks import random_conv, random_images, random_network, random_thermometer, random_thresholds

EXAMPLES = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def networks(draw: st.DrawFn, max_size: int, max_channels: int) -> tuple[Network, int]:
    """A network from the whole legal space, and the seed that it came from; small draws are simple networks."""
    seed = draw(st.integers(0, 2**32 - 1))
    network = random_network(
        np.random.default_rng(seed),
        max_size=draw(st.integers(1, max_size)),
        max_channels=draw(st.integers(1, max_channels)),
        colours=range(1, 6),
        levels=[draw(st.integers(1, 16))],
        blocks=draw(st.integers(0, 4)),
        strides=(1, 2, 3),
    )
    return network, seed


def assert_exact(network: Network, counts: tuple[int, ...] = (1, 5, 33), threads: int = 1) -> None:
    """Equal scores for so many images at a time: a part of a block, a whole block and one more."""
    images = random_images(np.random.default_rng(7), network, max(counts))
    expected = reference.simulate(network, images)
    packed = fast.compile_fast(network)
    for count in counts:
        np.testing.assert_array_equal(packed.simulate(images[:count], threads), expected[:count])


@EXAMPLES
@given(networks(max_size=7, max_channels=24))
def test_fast_reference_and_qonnx_executor_agree(drawn: tuple[Network, int]) -> None:
    network, seed = drawn
    images = random_images(np.random.default_rng(seed), network, 2)
    expected = reference.simulate(network, images)
    np.testing.assert_array_equal(fast.simulate(network, images), expected)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_qonnx(network, path)
        np.testing.assert_array_equal(execute_qonnx(path, images), expected)


@EXAMPLES
@given(networks(max_size=11, max_channels=150), st.integers(1, 70), st.integers(1, 3))
def test_fast_and_reference_agree_on_wide_networks(drawn: tuple[Network, int], count: int, threads: int) -> None:
    assert_exact(drawn[0], (count,), threads)


def stack(seed: int, colours: int, levels: int, size: tuple[int, int], *makers: Layer | tuple[int, int, int, int, int]) -> Network:
    """Layers as they are, and convolutions as (filters, groups, kernel, stride, padding)."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = [random_thermometer(rng, colours, levels, learned=False)]
    shape = (colours * levels, *size)
    for maker in makers:
        if isinstance(maker, tuple):
            filters, groups, kernel, stride, padding = maker
            layers.append(random_conv(rng, shape, filters, groups, (kernel, kernel), (stride, stride), (padding,) * 4))
        else:
            layers.append(maker)
        shape = layers[-1].output_shape(shape)
    layers.append(Scores(random_bits(rng, 10, int(np.prod(shape)))))
    return Network((colours, *size), tuple(layers))


def random_shuffle(seed: int, channels: int) -> ChannelShuffle:
    """Any permutation."""
    return ChannelShuffle(np.random.default_rng(seed).permutation(channels).astype(np.int32))


def random_mux(seed: int, source: int, channels: int) -> LogicSkip:
    """Any choice of channels."""
    return LogicSkip(source, "mux", random_bits(np.random.default_rng(seed), channels))


CASES = {
    "scores alone, more colours than a word holds": stack(1, 70, 1, (3, 5)),
    "wide windows": stack(2, 3, 11, (9, 7), (200, 1, 5, 1, 2), (130, 1, 7, 1, 3)),
    "depthwise": stack(3, 3, 16, (8, 6), (48, 48, 3, 1, 1), (48, 48, 3, 2, 1), (96, 1, 1, 1, 0)),
    "two filters a channel": stack(4, 1, 5, (8, 6), (130, 5, 3, 1, 1), (260, 130, 3, 1, 1)),
    "groups of 24, shuffled": stack(
        5, 3, 8, (7, 9), (96, 4, 3, 1, 1), ChannelShuffle.of_groups(96, 4), (120, 4, 3, 1, 1), ChannelShuffle.of_groups(120, 8)
    ),
    "two shuffles around a pool": stack(
        6,
        1,
        16,
        (9, 9),
        (64, 4, 3, 1, 1),
        ChannelShuffle.of_groups(64, 8),
        OrPool((3, 3), (2, 2)),
        ChannelShuffle.of_groups(64, 2),
        (64, 16, 3, 1, 1),
    ),
    "a shuffle of the thermometer": stack(
        7,
        3,
        13,
        (5, 6),
        random_shuffle(7, 39),
        (39, 3, 3, 1, 1),
        ChannelShuffle.of_groups(39, 13),
    ),
    "shuffled scores": stack(8, 1, 16, (4, 4), (80, 2, 3, 1, 0), random_shuffle(8, 80)),
    "stride 2": stack(9, 1, 16, (13, 11), (64, 1, 3, 2, 1), (64, 2, 3, 2, 1)),
    "odd pools in a row": stack(
        10, 1, 4, (17, 14), OrPool((3, 2), (1, 3)), (33, 1, 3, 1, 1), OrPool((1, 3), (2, 1)), OrPool((2, 2))
    ),
    "padding wider than the map": stack(11, 1, 3, (2, 1), (40, 1, 3, 1, 4), (20, 1, 4, 3, 2)),
    "one row": stack(12, 1, 16, (1, 40), (32, 1, 1, 1, 0), (32, 2, 1, 1, 0)),
    "one pixel": stack(13, 1, 1, (1, 1)),
    "skips in one order": stack(
        14,
        2,
        16,
        (5, 3),
        (32, 1, 3, 1, 1),
        LogicSkip(0, "or"),
        (32, 1, 5, 1, 2),
        LogicSkip(2, "xor"),
        (32, 1, 1, 1, 0),
        random_mux(1, 4, 32),
    ),
    "skips over shuffled groups, none of which fills a word": stack(
        15,
        3,
        8,
        (7, 5),
        (96, 4, 3, 1, 1),
        ChannelShuffle.of_groups(96, 4),
        (96, 4, 3, 1, 1),
        LogicSkip(1, "xor"),
        ChannelShuffle.of_groups(96, 8),
        (96, 8, 3, 1, 1),
        random_mux(2, 4, 96),
        ChannelShuffle.of_groups(96, 4),
        (96, 4, 3, 1, 1),
        LogicSkip(5, "or"),
        OrPool(),
    ),
    "a skip of a map with a border into one with another": stack(
        16,
        1,
        5,
        (4, 6),
        (70, 1, 3, 1, 1),
        (70, 2, 5, 1, 2),
        random_mux(3, 1, 70),
        (70, 7, 7, 1, 3),
        LogicSkip(1, "or"),
        (9, 1, 3, 2, 1),
    ),
    "a map joined with itself in another order": stack(17, 1, 40, (3, 3), random_shuffle(17, 40), LogicSkip(0, "xor")),
    "a skip between pools and shuffles": stack(
        18,
        1,
        16,
        (9, 9),
        (64, 4, 3, 1, 1),
        random_shuffle(18, 64),
        OrPool(),
        random_shuffle(19, 64),
        (64, 16, 3, 1, 1),
        random_shuffle(20, 64),
        LogicSkip(3, "or"),
        OrPool((1, 1), (1, 1)),
        random_shuffle(21, 64),
        LogicSkip(4, "xor"),
        (64, 32, 3, 1, 1),
    ),
    "channel by channel a long way back": stack(
        19, 1, 33, (1, 5), (33, 33, 1, 1, 0), (33, 3, 3, 1, 1), (33, 11, 1, 1, 0), random_mux(4, 0, 33), LogicSkip(1, "xor")
    ),
}


@pytest.mark.parametrize("network", CASES.values(), ids=CASES)
def test_corner_cases(network: Network) -> None:
    assert_exact(network)


@pytest.mark.parametrize("levels", range(1, 17))
def test_every_number_of_thresholds(levels: int) -> None:
    assert_exact(stack(levels, 3, levels, (5, 6), (40, 1, 3, 1, 1)))


def test_hidden_linear_layers_of_any_width() -> None:
    rng = np.random.default_rng(3)
    layers: list[Layer] = [
        random_thermometer(rng, 2, 9, learned=True),
        random_conv(rng, (18, 5, 4), 37, 1, (3, 3), (1, 1), (1, 1, 1, 1)),
    ]
    inputs = 37 * 5 * 4
    for features in (1, 31, 65, 1000):
        layers.append(BinaryLinear(random_bits(rng, features, inputs), random_thresholds(rng, features, inputs)))
        inputs = features
    layers.append(Scores(random_bits(rng, 130, inputs)))
    assert_exact(Network((2, 5, 4), tuple(layers)))


def test_a_padded_convolution_after_a_hidden_linear_layer() -> None:
    rng = np.random.default_rng(6)
    first = random_thermometer(rng, 1, 4, learned=True)
    linear = BinaryLinear(random_bits(rng, 70, 36), random_thresholds(rng, 70, 36))
    conv = random_conv(rng, (70, 1, 1), 40, 1, (3, 3), (1, 1), (1, 1, 1, 1))
    assert_exact(Network((1, 3, 3), (first, linear, conv, Scores(random_bits(rng, 10, 40)))))


@pytest.mark.parametrize("gate", ["or", "xor"])
def test_skips_around_hidden_linear_layers(gate: str) -> None:
    rng = np.random.default_rng(4)
    layers: list[Layer] = [random_thermometer(rng, 1, 16, learned=True)]
    for inputs in (16 * 6, 70, 70):
        layers.append(BinaryLinear(random_bits(rng, 70, inputs), random_thresholds(rng, 70, inputs)))
    layers += [LogicSkip(1, gate), random_mux(5, 2, 70), Scores(random_bits(rng, 10, 70))]
    assert_exact(Network((1, 2, 3), tuple(layers)))


def test_every_threshold_of_a_small_filter() -> None:
    """Thresholds 0 to K+1 on all 512 windows: constant channels and both sides of every comparison."""
    windows = ((np.arange(512)[:, None] >> np.arange(9)) & 1).astype(np.uint8).reshape(512, 1, 3, 3) * 255
    filters = np.tile(np.array([[[1, 0, 1], [1, 1, 0], [0, 1, 0]]], np.uint8), (11, 1, 1, 1))
    conv = BinaryConv(filters, np.arange(11, dtype=np.int32))
    network = Network((1, 3, 3), (Thermometer(np.array([[128]])), conv, Scores(np.eye(11, dtype=np.uint8))))
    scores = fast.simulate(network, windows)
    np.testing.assert_array_equal(scores, reference.simulate(network, windows))
    assert len(np.unique(scores, axis=0)) == 10


def test_flipping_any_one_weight_bit_is_seen() -> None:
    """A filter whose every bit matters: nothing is packed twice, left out or put into the border."""
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, (1, 3, 3, 3), dtype=np.uint8)
    thermometer = random_thermometer(rng, 3, 7, learned=True)
    bits = reference.thermometer(thermometer, image)[0]
    outcomes = set()
    for flipped in range(bits.size):
        weights = bits.copy().reshape(-1)
        weights[flipped] ^= 1
        conv = BinaryConv(weights.reshape(1, *bits.shape), np.array([bits.size]))
        network = Network((3, 3, 3), (thermometer, conv, Scores(np.ones((2, 1), np.uint8))))
        outcomes.add(int(fast.simulate(network, image)[0, 0]))
    exact = BinaryConv(bits[None], np.array([bits.size]))
    network = Network((3, 3, 3), (thermometer, exact, Scores(np.ones((2, 1), np.uint8))))
    assert outcomes == {-1}
    assert fast.simulate(network, image)[0, 0] == 1
