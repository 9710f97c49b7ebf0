"""What a layer table costs on the UP5K engine, for pruning to a number of cycles: the only reader of hw in training."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.legality import Up5kError
from owlbit.models.layer_table import Layer, Shape
from owlbit.toolchain.runs.untrained_network import Zeros, untrained_network


def up5k_cycles(input_shape: Shape, levels: int, classes: int) -> Callable[[tuple[Layer, ...]], float]:
    """A function from layer table to cycles per frame of the UP5K engine by its compiler's cost model; inf where it does not fit.

    `input_shape`: (C, H, W) of the image; `levels`: thresholds per colour. Cycles do not depend on weights: they are zero here.
    """

    @functools.cache
    def count(layers: tuple[Layer, ...]) -> float:
        try:
            return compile_network(untrained_network(input_shape, levels, layers, classes, Zeros())).cycles_per_frame
        except Up5kError:
            return math.inf

    return count
