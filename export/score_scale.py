"""Integers that rank as a network's float factors and offsets do, for a chip, which decides without float arithmetic."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network

_TRIED = 64  # scales per number of bits


class IntegerRanking(NamedTuple):
    """`multipliers`, `offsets`: int64 [classes]; `score * multiplier + offset` ranks as `Network.ranked` does, ties included."""

    multipliers: NDArray[np.int64]
    offsets: NDArray[np.int64]


def integer_ranking(network: Network, multiplier_bits: int = 16, offset_bits: int = 32) -> IntegerRanking | None:
    """Integers for which every two classes compare as they do by float32, for all scores -K, -K + 2, ... K that each can have.

    None where no such integers of `multiplier_bits` and `offset_bits` bits, signed, were found: then the host has to decide. The
    products and sums stay within `offset_bits` too. Multipliers are at least 0.
    """
    classes, fan_in = network.classes, network.fan_in
    factors, offsets = network.score_factors, network.score_offsets
    most_multiplier, most = 2 ** (multiplier_bits - 1) - 1, 2 ** (offset_bits - 1) - 1
    if factors is None or offsets is None:
        return IntegerRanking(np.ones(classes, np.int64), np.zeros(classes, np.int64))
    scores = np.arange(-fan_in, fan_in + 1, 2)
    floats = scores.astype(np.float32) * factors[:, None] + offsets[:, None]
    order = np.argsort(floats, axis=None, kind="stable")
    steps = np.sign(np.diff(floats.ravel()[order]))
    wide, moved = factors.astype(np.float64), offsets.astype(np.float64)
    for scale in _scales(wide, moved, fan_in, most_multiplier, most):
        multipliers = np.rint(wide * scale)
        constants = np.rint(moved * scale)
        if multipliers.max() > most_multiplier or (multipliers * fan_in + np.abs(constants)).max() > most:
            continue
        made = (scores * multipliers[:, None] + constants[:, None]).ravel()[order]
        if np.array_equal(np.sign(np.diff(made)), steps):
            return IntegerRanking(multipliers.astype(np.int64), constants.astype(np.int64))
    return None


def _scales(
    factors: NDArray[np.float64], offsets: NDArray[np.float64], fan_in: int, most_multiplier: int, most: int
) -> list[float]:
    """What the factors may be multiplied by, the least first, each such that the largest multiplier is a whole number."""
    largest = factors.max()
    highest = min(most_multiplier / largest, most / (factors * fan_in + np.abs(offsets)).max())
    top = max(1, int(highest * largest))
    wholes = np.unique(np.concatenate([np.arange(1, min(top, 4 * _TRIED) + 1), np.linspace(1, top, 8 * _TRIED).astype(np.int64)]))
    powers = 2.0 ** np.arange(-30, 31)
    return sorted({*(wholes / largest).tolist(), *powers[powers <= highest].tolist()})
