"""Cost accounting of a network: what each layer stores, computes and produces. Pure counting, no target in mind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from owlbit.export.network import (
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

_KINDS: dict[type[Layer], str] = {
    Thermometer: "thermometer",
    BinaryConv: "conv",
    OrPool: "pool",
    ChannelShuffle: "shuffle",
    BinaryLinear: "linear",
    LogicSkip: "skip",
    Scores: "scores",
}


@dataclass(frozen=True)
class LayerCost:
    """One layer.

    `name`: its kind and how many of that kind came before, counted from 1 ("conv2"); `kind`; `input_shape` and `output_shape`:
    (C, H, W); `weight_bits`: binary weights stored, and the select bits of a multiplexer; `thresholds`: integers stored; `macs`:
    XNOR-popcount bit operations an image, padding included (the gates of a logic skip are none); `feature_bits`: bits of the
    output map (0 for the scores, which are integers).
    """

    name: str
    kind: str
    input_shape: Shape
    output_shape: Shape
    weight_bits: int
    thresholds: int
    macs: int
    feature_bits: int


def layer_costs(network: Network) -> list[LayerCost]:
    """One row a layer, in order."""
    seen: dict[str, int] = {}
    rows = []
    for layer, before, after in network.steps():
        kind = _KINDS[type(layer)]
        seen[kind] = seen.get(kind, 0) + 1
        name = kind if kind in ("thermometer", "scores") else f"{kind}{seen[kind]}"
        weights = layer.weights.size if isinstance(layer, BinaryConv | BinaryLinear | Scores) else 0
        bits = int(weights) + (layer.select.size if isinstance(layer, LogicSkip) and layer.select is not None else 0)
        positions = after[1] * after[2]
        thresholds = layer.thresholds.size if isinstance(layer, Thermometer | BinaryConv | BinaryLinear) else 0
        features = 0 if isinstance(layer, Scores) else int(np.prod(after))
        rows.append(LayerCost(name, kind, before, after, bits, int(thresholds), int(weights) * positions, features))
    return rows


def total_cost(rows: Sequence[LayerCost]) -> LayerCost:
    """The sums of `rows` as one row named "total"; `feature_bits` is the sum too, not what is alive at one time."""
    return LayerCost(
        "total",
        "total",
        rows[0].input_shape,
        rows[-1].output_shape,
        sum(row.weight_bits for row in rows),
        sum(row.thresholds for row in rows),
        sum(row.macs for row in rows),
        sum(row.feature_bits for row in rows),
    )
