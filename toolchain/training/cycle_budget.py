"""What a layer table costs on the UP5K engine, for pruning to a number of cycles: the only reader of hw in training."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from owlbit.export.network import BinaryConv, BinaryLinear, ChannelShuffle, Network, OrPool, Scores, Thermometer
from owlbit.export.network import Layer as IntegerLayer
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.legality import Up5kError
from owlbit.models.layer_table import Conv, Layer, Shape


def up5k_cycles(input_shape: Shape, levels: int, classes: int) -> Callable[[tuple[Layer, ...]], float]:
    """A function from layer table to cycles a frame of the UP5K engine by its compiler's cost model; inf where it does not fit.

    `input_shape`: (C, H, W) of the image; `levels`: thresholds a colour.
    """

    @functools.cache
    def count(layers: tuple[Layer, ...]) -> float:
        try:
            return compile_network(blank_network(input_shape, levels, layers, classes)).cycles_per_frame
        except Up5kError:
            return math.inf

    return count


def blank_network(input_shape: Shape, levels: int, layers: tuple[Layer, ...], classes: int) -> Network:
    """The integer network of a layer table with every weight and threshold zero: cycles do not hang on their values."""
    result: list[IntegerLayer] = [Thermometer(np.tile(np.arange(1, levels + 1, dtype=np.int32), (input_shape[0], 1)))]
    shape = result[0].output_shape(input_shape)
    for layer in layers:
        start = len(result)
        if isinstance(layer, Conv):
            if layer.shuffle and layer.groups > 1:
                result.append(ChannelShuffle.of_groups(shape[0], layer.groups))
            side = layer.kernel // 2 * layer.padding
            weights = np.zeros((layer.filters, shape[0] // layer.groups, layer.kernel, layer.kernel), np.uint8)
            thresholds = np.zeros(layer.filters, np.int32)
            result.append(BinaryConv(weights, thresholds, layer.groups, (layer.stride, layer.stride), (side,) * 4))
            if layer.pool > 1:
                result.append(OrPool((layer.pool,) * 2, (layer.pool,) * 2))
        else:
            weights = np.zeros((layer.features, int(np.prod(shape))), np.uint8)
            result.append(BinaryLinear(weights, np.zeros(layer.features, np.int32)))
        for each in result[start:]:
            shape = each.output_shape(shape)
    result.append(Scores(np.zeros((classes, int(np.prod(shape))), np.uint8)))
    return Network(input_shape, tuple(result))
