"""The integer network of a layer table without training: weights and thresholds random, or zero where only sizes count.

The one place that turns a table of layers into a `Network`. Benchmarks measure such networks, the cost model counts their cycles,
and the tests draw their own numbers for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Protocol

import numpy as np

from owlbit.export.network import (
    BinaryConv,
    BinaryLinear,
    Bits,
    ChannelShuffle,
    Ints,
    LogicSkip,
    Network,
    OrPool,
    Scores,
    Shape,
    Thermometer,
)
from owlbit.export.network import Layer as IntegerLayer
from owlbit.models.layer_table import Conv, Layer

Generator = np.random.Generator


class Numbers(Protocol):
    """Where the integers of a network come from, asked for layer by layer."""

    def thermometer(self, colours: int, levels: int) -> Thermometer:
        """Thresholds for an image of `colours` channels, `levels` per channel."""

    def bits(self, *shape: int) -> Bits:
        """Weights, or the selection of a multiplexer."""

    def thresholds(self, count: int, fan_in: int) -> Ints:
        """int32 [count] in 0..fan_in+1."""


class Zeros:
    """Every weight and threshold zero; the thermometer's rise from 1."""

    def thermometer(self, colours: int, levels: int) -> Thermometer:
        return Thermometer(np.tile(np.arange(1, levels + 1, dtype=np.int32), (colours, 1)))

    def bits(self, *shape: int) -> Bits:
        return np.zeros(shape, np.uint8)

    def thresholds(self, count: int, fan_in: int) -> Ints:
        return np.zeros(count, np.int32)


class Random:
    """Fair bits, thresholds around half of the fan-in, and equal steps in the thermometer; `seed` decides them."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def thermometer(self, colours: int, levels: int) -> Thermometer:
        return Thermometer(np.tile(np.linspace(0, 256, levels + 2)[1:-1].astype(np.int32), (colours, 1)))

    def bits(self, *shape: int) -> Bits:
        return random_bits(self.rng, *shape)

    def thresholds(self, count: int, fan_in: int) -> Ints:
        return random_thresholds(self.rng, count, fan_in)


def random_bits(rng: Generator, *shape: int) -> Bits:
    """uint8 [*shape]: fair coin flips, 0 and 1."""
    return rng.integers(0, 2, shape, dtype=np.uint8)


def random_thresholds(rng: Generator, count: int, fan_in: int, spread: float = 0.25) -> Ints:
    """int32 [count] in 0..fan_in+1: normal around half of the fan-in, with a deviation of `spread` times its root."""
    drawn = np.rint(rng.normal(fan_in / 2, np.sqrt(fan_in) * spread, count))
    return drawn.clip(0, fan_in + 1).astype(np.int32)


def untrained_network(
    input_shape: Shape, levels: int, layers: Sequence[Layer], classes: int, numbers: Numbers, name: str = "network"
) -> Network:
    """The network of the table `layers` between a thermometer of `levels` thresholds per colour and the scores of `classes`.

    `input_shape`: (C, H, W) of an image. Raises NetworkError where the layers do not fit one another.
    """
    result: list[IntegerLayer] = []
    shape = input_shape

    def add(layer: IntegerLayer) -> None:
        nonlocal shape
        shape = layer.output_shape(shape)
        result.append(layer)

    add(numbers.thermometer(input_shape[0], levels))
    for layer in layers:
        source = len(result) - 1
        if not isinstance(layer, Conv):
            inputs = prod(shape)
            add(BinaryLinear(numbers.bits(layer.features, inputs), numbers.thresholds(layer.features, inputs)))
            continue
        if layer.shuffle and layer.groups > 1:
            add(ChannelShuffle.of_groups(shape[0], layer.groups))
        weights = numbers.bits(layer.filters, shape[0] // layer.groups, layer.kernel, layer.kernel)
        side = layer.kernel // 2 * layer.padding
        thresholds = numbers.thresholds(layer.filters, prod(weights.shape[1:]))
        add(BinaryConv(weights, thresholds, layer.groups, (layer.stride, layer.stride), (side,) * 4))
        if layer.pool > 1:
            add(OrPool((layer.pool, layer.pool), (layer.pool, layer.pool)))
        if layer.skip:
            add(LogicSkip(source, layer.skip, numbers.bits(shape[0]) if layer.skip == "mux" else None))
    add(Scores(numbers.bits(classes, prod(shape))))
    return Network(input_shape, tuple(result), name=name)
