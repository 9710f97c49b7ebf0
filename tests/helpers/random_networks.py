"""Random legal networks for tests: small, odd-shaped, and covering every layer and option that the specification allows.

`random_network(rng)` draws a network, `random_images(rng, network)` images for it. The keywords narrow the draw to what a target
can take (channel multiples, group widths, square kernels, no linear layers, ...).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import (
    GATES,
    BinaryConv,
    BinaryLinear,
    ChannelShuffle,
    Layer,
    LogicSkip,
    Network,
    OrPool,
    Scores,
    Shape,
    Thermometer,
)
from owlbit.toolchain.runs.untrained_network import random_bits
from owlbit.toolchain.runs.untrained_network import random_thresholds as near_middle

Generator = np.random.Generator


def random_thresholds(rng: Generator, count: int, fan_in: int) -> NDArray[np.int32]:
    """Mostly near the middle, so that outputs vary; now and then a constant channel (0 or K+1) or an extreme one (1 or K)."""
    middle = near_middle(rng, count, fan_in, spread=0.5)
    extreme = rng.choice(np.array([0, 1, fan_in, fan_in + 1], np.int32), count)
    return np.where(rng.random(count) < 0.15, extreme, middle).astype(np.int32)


def random_thermometer(rng: Generator, colours: int, levels: int, learned: bool) -> Thermometer:
    """`learned`: rising strictly along t, as a trained one is; otherwise anything in 0..256."""
    if learned:
        rows = [np.sort(rng.choice(255, levels, replace=False)) + 1 for _ in range(colours)]
        return Thermometer(np.array(rows, np.int32))
    return Thermometer(rng.integers(0, 257, (colours, levels), dtype=np.int32))


class Varied:
    """The numbers of this file for `untrained_network`, with thermometers like learned ones."""

    def __init__(self, rng: Generator) -> None:
        self.rng = rng

    def thermometer(self, colours: int, levels: int) -> Thermometer:
        return random_thermometer(self.rng, colours, levels, learned=True)

    def bits(self, *shape: int) -> NDArray[np.uint8]:
        return random_bits(self.rng, *shape)

    def thresholds(self, count: int, fan_in: int) -> NDArray[np.int32]:
        return random_thresholds(self.rng, count, fan_in)


def random_conv(
    rng: Generator,
    shape: Shape,
    filters: int,
    groups: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
) -> BinaryConv:
    """A convolution with random weights and thresholds for a map of `shape`."""
    weights = random_bits(rng, filters, shape[0] // groups, *kernel)
    return BinaryConv(weights, random_thresholds(rng, filters, int(weights[0].size)), groups, stride, padding)


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _draw_conv(
    rng: Generator,
    shape: Shape,
    multiple: int,
    max_channels: int,
    group_widths: Sequence[int] | None,
    strides: Sequence[int],
    plain: bool,
) -> BinaryConv | None:
    """A legal convolution for `shape`, or None where no group count fits. `plain`: 1x1 or 3x3, padded to the same size."""
    filters = multiple * int(rng.integers(1, max(2, max_channels // multiple + 1)))
    common = [g for g in _divisors(shape[0]) if filters % g == 0]
    if group_widths is not None:
        common = [g for g in common if shape[0] // g in group_widths and filters // g in group_widths]
    if not common:
        return None
    groups = int(rng.choice(common))
    if plain:
        size = int(rng.choice([1, 3]))
        side, step = size // 2, int(rng.choice(list(strides)))
        return random_conv(rng, shape, filters, groups, (size, size), (step, step), (side, side, side, side))
    padding = tuple(int(p) for p in rng.integers(0, 3, 4))
    top, left, bottom, right = padding
    kernel_h = int(rng.integers(1, min(3, shape[1] + top + bottom) + 1))
    kernel_w = int(rng.integers(1, min(3, shape[2] + left + right) + 1))
    stride = (int(rng.choice(list(strides))), int(rng.choice(list(strides))))
    return random_conv(rng, shape, filters, groups, (kernel_h, kernel_w), stride, (top, left, bottom, right))


def random_same_conv(rng: Generator, shape: Shape, group_widths: Sequence[int] | None, plain: bool) -> BinaryConv:
    """A convolution whose output has the shape of its input: the padding of an even or wide kernel may lie on either side."""
    groups = [g for g in _divisors(shape[0]) if group_widths is None or shape[0] // g in group_widths]
    kernel = (3, 3) if plain else (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    top, left = (1, 1) if plain else (int(rng.integers(0, kernel[0])), int(rng.integers(0, kernel[1])))
    padding = (top, left, kernel[0] - 1 - top, kernel[1] - 1 - left)
    return random_conv(rng, shape, shape[0], int(rng.choice(groups or [1])), kernel, (1, 1), padding)


def random_skip(rng: Generator, shapes: Sequence[Shape]) -> LogicSkip | None:
    """A logic skip after layers with the outputs `shapes`, from any earlier map of the last one's shape, if there is one."""
    sources = [index for index, shape in enumerate(shapes[:-1]) if shape == shapes[-1]]
    if not sources:
        return None
    gate = str(rng.choice(GATES))
    return LogicSkip(int(rng.choice(sources)), gate, random_bits(rng, shapes[-1][0]) if gate == "mux" else None)


def random_network(
    rng: Generator,
    *,
    max_size: int = 9,
    max_channels: int = 24,
    channel_multiple: int = 1,
    group_widths: Sequence[int] | None = None,
    colours: Sequence[int] = (1, 3),
    levels: Sequence[int] = tuple(range(1, 17)),
    blocks: int = 3,
    max_classes: int = 10,
    strides: Sequence[int] = (1, 2),
    learned: bool = False,
    plain: bool = False,
    linear: bool = True,
    shuffle: bool = True,
    pool: bool = True,
    skip: bool = True,
    min_size: int = 1,
) -> Network:
    """A random legal network: up to `blocks` convolutions, each with its pool and shuffle, then hidden linear layers, then scores.

    Logic skips may follow every layer, and blocks of a convolution that keeps the shape of its map are there for them.

    Args:
        rng: where every choice comes from.
        max_size, min_size: image rows and columns (drawn apart: mostly not square).
        max_channels, channel_multiple: output channels of a convolution, and what they are a multiple of.
        group_widths: allowed channels of a group, on both sides of a convolution; any where None.
        colours, levels: choices for the image's colours and for the thermometer's T.
        max_classes: classes, 2 or more.
        strides: choices for a convolution's stride.
        learned: thermometer thresholds rise strictly.
        plain: only 1x1 and 3x3 kernels, padded by 0 and 1, equal strides, 2x2 pools; otherwise kernels of 1..3 by 1..3 with
            asymmetric padding, and pools with any window and stride.
        linear, shuffle, pool, skip: whether these layers may occur.
    """
    height, width = (int(size) for size in rng.integers(min_size, max_size + 1, 2))
    shape: Shape = (int(rng.choice(list(colours))), height, width)
    input_shape = shape
    layers: list[Layer] = []
    shapes: list[Shape] = []
    # A generator of its own: a network without skips is the same one whether or not they may occur.
    skips = rng.spawn(1)[0]

    def add(layer: Layer) -> None:
        nonlocal shape
        shape = layer.output_shape(shape)
        layers.append(layer)
        shapes.append(shape)
        if skip and not isinstance(layer, LogicSkip | Scores) and skips.random() < 0.4:
            if skips.random() < 0.6:
                layers.append(random_same_conv(skips, shape, group_widths, plain))
                shapes.append(shape)
            if (joined := random_skip(skips, shapes)) is not None:
                add(joined)

    add(random_thermometer(rng, shape[0], int(rng.choice(list(levels))), learned))
    for _ in range(int(rng.integers(0, blocks + 1))):
        conv = _draw_conv(rng, shape, channel_multiple, max_channels, group_widths, strides, plain)
        if conv is None:
            continue
        add(conv)
        if pool and min(shape[1:]) >= 2 and rng.random() < 0.5:
            window = (2, 2) if plain else (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
            step = window if plain or rng.random() < 0.5 else (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
            if window[0] <= shape[1] and window[1] <= shape[2]:
                add(OrPool(window, step))
        if shuffle and rng.random() < 0.5:
            if rng.random() < 0.5:
                add(ChannelShuffle.of_groups(shape[0], int(rng.choice(_divisors(shape[0])))))
            else:
                add(ChannelShuffle(rng.permutation(shape[0]).astype(np.int32)))
    for _ in range(int(rng.integers(0, 3)) if linear else 0):
        features = channel_multiple * int(rng.integers(1, max(2, max_channels // channel_multiple + 1)))
        inputs = int(np.prod(shape))
        add(BinaryLinear(random_bits(rng, features, inputs), random_thresholds(rng, features, inputs)))
    add(Scores(random_bits(rng, int(rng.integers(2, max_classes + 1)), int(np.prod(shape)))))
    return Network(input_shape, tuple(layers))


def random_images(rng: Generator, network: Network, count: int = 4) -> NDArray[np.uint8]:
    """uint8 [count, C, H, W] with extremes, and values next to the thermometer's thresholds, over-represented."""
    images = rng.integers(0, 256, (count, *network.input_shape), dtype=np.uint8)
    first = network.layers[0]
    assert isinstance(first, Thermometer)
    near = np.clip(np.concatenate([first.thresholds.ravel(), first.thresholds.ravel() - 1, [0, 255]]), 0, 255).astype(np.uint8)
    return np.where(rng.random(images.shape) < 0.3, rng.choice(near, images.shape), images)


def random_fitting_network(rng: Generator, max_size: int, max_channels: int = 100) -> Network:
    """A random network that the UP5K engine can take: draws until the compiler accepts one."""
    from owlbit.hw.up5k.compiler.compile_network import compile_network
    from owlbit.hw.up5k.compiler.legality import Up5kError

    while True:
        network = random_network(rng, plain=True, skip=False, max_size=max_size, max_channels=max_channels)
        try:
            compile_network(network)
        except Up5kError:
            continue
        return network
