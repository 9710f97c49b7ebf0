"""Groups the layers of a network into what the engine does in one go: a convolution or linear layer with its pool, no shuffles.

A shuffle costs nothing: each stage records which channel of the stage before it every one of its input channels is, and the layout
pass makes the stage before write them where they are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, BinaryLinear, Bits, ChannelShuffle, Ints, Network, OrPool, Scores, Shape, Thermometer
from owlbit.hw.up5k.compiler.legality import layer_names, refuse


@dataclass(frozen=True)
class Stage:
    """One walk of the engine over a map.

    `weights`: bits [F, C/groups, kh, kw]; a linear layer over a map has kernel (H, W) and `flat` set, and reads the map as one row.
    `thresholds`: int32 [F], None in the last stage. `source`: int [C], the channel of the stage before for each input channel.
    `map_shape`: (H, W) of the input; `computed`: rows and columns computed before pooling, none of them dropped by the pool.
    """

    name: str
    weights: Bits
    thresholds: Ints | None
    groups: int
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    pool: bool
    flat: bool
    source: NDArray[np.intp]
    map_shape: tuple[int, int]
    computed: tuple[int, int]

    @property
    def filters(self) -> int:
        """Number of output channels."""
        return len(self.weights)

    @property
    def out_map(self) -> tuple[int, int]:
        """(H, W) of the output."""
        return (self.computed[0] // 2, self.computed[1] // 2) if self.pool else self.computed

    @property
    def macs(self) -> int:
        """Binary multiply-accumulates per frame, inert ones not counted."""
        return self.computed[0] * self.computed[1] * int(self.weights.size)


def split_stages(network: Network) -> tuple[Thermometer, list[Stage]]:
    """The thermometer and the stages after it. Raises Up5kError for a pool with no convolution directly before it."""
    thermometer = network.layers[0]
    assert isinstance(thermometer, Thermometer)
    stages: list[Stage] = []
    source = np.arange(network.shapes[0][0])
    pool_fits = False
    for name, (layer, before, after) in zip(layer_names(network), network.steps(), strict=True):
        match layer:
            case ChannelShuffle():
                source = source[layer.permutation]
                continue
            case OrPool():
                if not pool_fits:
                    raise refuse(f"{name} pools what no convolution directly before it made; put a convolution between")
                stages[-1] = replace(stages[-1], pool=True, computed=(after[1] * 2, after[2] * 2))
                pool_fits = False
                continue
            case Thermometer():
                continue
            case BinaryConv():
                stages.append(
                    Stage(
                        name=name,
                        weights=layer.weights,
                        thresholds=layer.thresholds,
                        groups=layer.groups,
                        stride=layer.stride,
                        padding=layer.padding,
                        pool=False,
                        flat=False,
                        source=source,
                        map_shape=before[1:],
                        computed=after[1:],
                    )
                )
            case BinaryLinear() | Scores():
                stages.append(_linear(layer, name, before, source))
        source = np.arange(after[0])
        pool_fits = isinstance(layer, BinaryConv)
    return thermometer, stages


def _linear(layer: BinaryLinear | Scores, name: str, before: Shape, source: NDArray[np.intp]) -> Stage:
    return Stage(
        name=name,
        weights=layer.weights.reshape(len(layer.weights), *before),
        thresholds=layer.thresholds if isinstance(layer, BinaryLinear) else None,
        groups=1,
        stride=(1, 1),
        padding=(0, 0, 0, 0),
        pool=False,
        flat=True,
        source=source,
        map_shape=before[1:],
        computed=(1, 1),
    )
