"""The reference simulator against its specification, worked out in plain Python loops and, for a few small cases, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from owlbit.export.network import (
    BinaryConv,
    BinaryLinear,
    Bits,
    ChannelShuffle,
    Ints,
    Layer,
    LogicSkip,
    Network,
    NetworkError,
    OrPool,
    Scores,
    Thermometer,
)
from owlbit.hw.reference import activations, run_layer, simulate
from random_networks import random_images, random_network

Map = list[list[list[int]]]


def bits(values: Any) -> Bits:
    return np.array(values, np.uint8)


def ints(values: Any) -> Ints:
    return np.array(values, np.int32)


def matches(features: list[int], weights: list[int]) -> int:
    return sum(1 for feature, weight in zip(features, weights, strict=True) if feature == weight)


def flat(image: Map) -> list[int]:
    return [value for plane in image for row in plane for value in row]


def slow_thermometer(layer: Thermometer, image: Map) -> Map:
    return [
        [[1 if pixel >= threshold else 0 for pixel in row] for row in plane]
        for plane, thresholds in zip(image, layer.thresholds.tolist(), strict=True)
        for threshold in thresholds
    ]


def slow_conv(layer: BinaryConv, image: Map) -> Map:
    filters, per_group, kernel_h, kernel_w = layer.weights.shape
    top, left, bottom, right = layer.padding
    height, width = len(image[0]), len(image[0][0])

    def feature(channel: int, row: int, column: int) -> int:
        inside = 0 <= row < height and 0 <= column < width
        return image[channel][row][column] if inside else 0

    def output(filter_: int, row: int, column: int) -> int:
        first = filter_ // (filters // layer.groups) * per_group
        count = 0
        for channel in range(per_group):
            for y in range(kernel_h):
                for x in range(kernel_w):
                    value = feature(first + channel, row * layer.stride[0] + y - top, column * layer.stride[1] + x - left)
                    count += 1 if value == layer.weights[filter_, channel, y, x] else 0
        return 1 if count >= layer.thresholds[filter_] else 0

    rows = (height + top + bottom - kernel_h) // layer.stride[0] + 1
    columns = (width + left + right - kernel_w) // layer.stride[1] + 1
    return [[[output(f, row, column) for column in range(columns)] for row in range(rows)] for f in range(filters)]


def slow_pool(layer: OrPool, image: Map) -> Map:
    rows = (len(image[0]) - layer.kernel[0]) // layer.stride[0] + 1
    columns = (len(image[0][0]) - layer.kernel[1]) // layer.stride[1] + 1

    def output(plane: list[list[int]], row: int, column: int) -> int:
        window = [
            plane[row * layer.stride[0] + y][column * layer.stride[1] + x]
            for y in range(layer.kernel[0])
            for x in range(layer.kernel[1])
        ]
        return 1 if any(window) else 0

    return [[[output(plane, row, column) for column in range(columns)] for row in range(rows)] for plane in image]


def slow_skip(layer: LogicSkip, image: Map, earlier: Map) -> Map:
    def output(channel: int, bit: int, other: int) -> int:
        if layer.gate == "or":
            return 1 if bit == 1 or other == 1 else 0
        if layer.gate == "xor":
            return 1 if bit != other else 0
        assert layer.select is not None
        return bit if layer.select[channel] == 1 else other

    return [
        [[output(c, bit, other) for bit, other in zip(*rows, strict=True)] for rows in zip(*planes, strict=True)]
        for c, planes in enumerate(zip(image, earlier, strict=True))
    ]


def slow_layer(layer: Layer, image: Map, before: list[Any]) -> Any:
    match layer:
        case LogicSkip():
            return slow_skip(layer, image, before[layer.source])
        case Thermometer():
            return slow_thermometer(layer, image)
        case BinaryConv():
            return slow_conv(layer, image)
        case OrPool():
            return slow_pool(layer, image)
        case ChannelShuffle():
            return [image[channel] for channel in layer.permutation.tolist()]
        case BinaryLinear():
            counts = [matches(flat(image), row) for row in layer.weights.tolist()]
            return [[[1 if count >= threshold else 0]] for count, threshold in zip(counts, layer.thresholds.tolist(), strict=True)]
        case Scores():
            return [2 * matches(flat(image), row) - len(row) for row in layer.weights.tolist()]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_every_layer_of_random_networks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_size=6, max_channels=8, levels=(1, 2, 5, 16))
    images = random_images(rng, network, 2)
    outputs = activations(network, images)
    for index, image in enumerate(images.tolist()):
        current: Any = image
        before: list[Any] = []
        for layer, output in zip(network.layers, outputs, strict=True):
            current = slow_layer(layer, current, before)
            before.append(current)
            np.testing.assert_array_equal(output[index], current)


@pytest.mark.parametrize(("threshold", "fires_from"), [(0, 0), (1, 1), (128, 128), (255, 255), (256, 256)])
def test_thermometer_compares_with_at_least(threshold: int, fires_from: int) -> None:
    """0 always fires and 256 never does."""
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    fired = run_layer(Thermometer(ints([[threshold]])), pixels)
    assert fired.ravel().tolist() == [0] * fires_from + [1] * (256 - fires_from)


def test_thermometer_channels_are_colour_by_colour() -> None:
    pixels = np.array([10, 20], np.uint8).reshape(1, 2, 1, 1)
    layer = Thermometer(ints([[5, 10, 11], [5, 20, 21]]))
    assert run_layer(layer, pixels).ravel().tolist() == [1, 1, 0, 1, 1, 0]


@pytest.mark.parametrize(("threshold", "expected"), [(0, 1), (1, 1), (2, 1), (3, 0), (4, 0)])
def test_popcount_reaches_its_threshold(threshold: int, expected: int) -> None:
    """Two of three weights match; 0 is always, K + 1 never."""
    layer = BinaryConv(bits([1, 0, 1]).reshape(1, 3, 1, 1), ints([threshold]))
    features = bits([1, 0, 0]).reshape(1, 3, 1, 1)
    assert run_layer(layer, features).item() == expected


def test_padding_is_bit_zero() -> None:
    """A filter of zeros over a single 1: the eight places of padding match, the one inside does not."""
    layer = BinaryConv(np.zeros((1, 1, 3, 3), np.uint8), ints([8]), padding=(1, 1, 1, 1))
    features = np.ones((1, 1, 1, 1), np.uint8)
    assert run_layer(layer, features).item() == 1
    stricter = BinaryConv(layer.weights, ints([9]), padding=(1, 1, 1, 1))
    assert run_layer(stricter, features).item() == 0


def test_padding_is_top_left_bottom_right() -> None:
    features = bits([[1, 0], [0, 0]]).reshape(1, 1, 2, 2)
    layer = BinaryConv(np.ones((1, 1, 1, 1), np.uint8), ints([1]), padding=(1, 2, 3, 4))
    output = run_layer(layer, features)
    assert output.shape == (1, 1, 6, 8)
    assert np.argwhere(output[0, 0]).tolist() == [[1, 2]]


def test_groups_read_their_own_channels() -> None:
    features = bits([1, 1, 0, 0]).reshape(1, 4, 1, 1)
    layer = BinaryConv(np.ones((4, 2, 1, 1), np.uint8), ints([2, 2, 2, 2]), groups=2)
    assert run_layer(layer, features).ravel().tolist() == [1, 1, 0, 0]


def test_pool_drops_what_does_not_fill_a_window() -> None:
    features = bits([[0, 0, 1], [0, 1, 1], [1, 1, 1]]).reshape(1, 1, 3, 3)
    assert run_layer(OrPool(), features).tolist() == [[[[1]]]]
    assert run_layer(OrPool((1, 1), (2, 2)), features).tolist() == [[[[0, 1], [1, 1]]]]


def test_shuffle_takes_from_the_permutation() -> None:
    features = bits([0, 1, 1]).reshape(1, 3, 1, 1)
    assert run_layer(ChannelShuffle(ints([2, 0, 1])), features).ravel().tolist() == [1, 0, 1]
    assert ChannelShuffle.of_groups(6, 2).permutation.tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize(
    ("skip", "expected"),
    [
        (LogicSkip(0, "or"), [0, 1, 1, 1]),
        (LogicSkip(0, "xor"), [0, 1, 1, 0]),
        (LogicSkip(0, "mux", bits([1, 1, 1, 1])), [0, 0, 1, 1]),
        (LogicSkip(0, "mux", bits([0, 0, 0, 0])), [0, 1, 0, 1]),
        (LogicSkip(0, "mux", bits([0, 1, 0, 1])), [0, 0, 0, 1]),
    ],
)
def test_gates_of_the_current_and_the_earlier_map(skip: LogicSkip, expected: list[int]) -> None:
    current, earlier = bits([0, 0, 1, 1]).reshape(1, 4, 1, 1), bits([0, 1, 0, 1]).reshape(1, 4, 1, 1)
    assert run_layer(skip, current, earlier).ravel().tolist() == expected


FIRST = Thermometer(ints([[50, 150]]))
SAME = BinaryConv(np.ones((2, 2, 1, 1), np.uint8), ints([1, 2]))
WIDER = BinaryConv(np.ones((3, 2, 1, 1), np.uint8), ints([1, 2, 1]))


@pytest.mark.parametrize(
    ("layers", "match"),
    [
        ((FIRST, SAME, LogicSkip(1, "or")), "layer 2: logic skip: .* before the one that it follows, 0..0, got 1"),
        ((FIRST, SAME, LogicSkip(7, "or")), "layer 2: logic skip: .* before the one that it follows, 0..0, got 7"),
        ((FIRST, WIDER, LogicSkip(0, "xor")), r"two maps of one shape, got \(2, 2, 2\) from layer 0 and the current \(3, 2, 2\)"),
        (
            (FIRST, SAME, LogicSkip(0, "mux", bits([1, 0, 1]))),
            "layer 2: logic skip: expected 2 select bits, one per channel, got 3",
        ),
    ],
)
def test_a_skip_that_does_not_fit(layers: tuple[Layer, ...], match: str) -> None:
    scores = Scores(np.ones((2, 12 if WIDER in layers else 8), np.uint8))
    with pytest.raises(NetworkError, match=match):
        Network((1, 2, 2), (*layers, scores))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((-1, "or"), "expected the index of an earlier layer, got -1"),
        ((0, "and"), "expected a gate of or, xor, mux, got 'and'"),
        ((0, "mux"), "expected select bits for the gate mux"),
        ((0, "or", bits([1])), "expected select bits for the gate mux, and for no other, got 'or'"),
        ((0, "mux", bits([2])), "expected bits 0 and 1, got 2"),
    ],
)
def test_a_skip_that_cannot_be(arguments: Any, match: str) -> None:
    with pytest.raises(NetworkError, match=match):
        LogicSkip(*arguments)


def test_scores_are_signed_and_features_flatten_channel_first() -> None:
    features = bits([[[1, 0], [0, 0]], [[0, 0], [0, 1]]])[None]
    weights = bits([[1, 0, 0, 0, 0, 0, 0, 1], [0, 1, 1, 1, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0, 0, 0]])
    assert run_layer(Scores(weights), features).tolist() == [[8, -8, 6]]


def test_chunks_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    network = random_network(rng)
    images = random_images(rng, network, 7)
    np.testing.assert_array_equal(simulate(network, images, chunk=2), simulate(network, images))


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (np.zeros((1, 1, 4, 4), np.float32), "got dtype float32"),
        (np.zeros((1, 4, 4), np.uint8), r"got shape \[1, 4, 4\]"),
        (np.zeros((1, 1, 4, 5), np.uint8), r"got shape \[1, 1, 4, 5\]"),
        (np.zeros((0, 1, 4, 4), np.uint8), "got none"),
    ],
)
def test_images_that_do_not_fit(images: NDArray[Any], match: str) -> None:
    network = Network((1, 4, 4), (Thermometer(ints([[9]])), Scores(np.ones((2, 16), np.uint8))))
    with pytest.raises(NetworkError, match=match):
        simulate(network, images)
