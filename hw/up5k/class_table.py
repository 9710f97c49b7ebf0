"""Integers by which the chip ranks classes as the network's own float32 factors and offsets do, where there are such integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Ints, Network

_LARGEST = 2**31 - 1
_SCALES = 32  # that are tried


@dataclass(frozen=True, eq=False)
class ChipRanking:
    """How a chip ranks a network's classes.

    `table`: int32 [classes, 2] of multiplier and offset, None where the scores rank as they are; `scale`: integers per unit of
    `Network.ranked`; `host_decides`: no integers were found that rank in the same way for all scores.
    """

    table: Ints | None
    scale: float
    host_decides: bool = False

    def values(self, scores: Ints) -> NDArray[np.int64]:
        """What ranks on the chip: int64, of int32 scores [..., classes]."""
        wide = scores.astype(np.int64)
        return wide if self.table is None else wide * self.table[:, 0] + self.table[:, 1]


def rank_on_chip(network: Network) -> ChipRanking:
    """The integers for a network: whole factors as they are, others scaled until every pair of scores ranks as in float32.

    Which of two classes wins is compared for all scores -K..K of both, ties, which the first class wins, included.
    """
    if network.score_factors is None or network.score_offsets is None:
        return ChipRanking(None, 1.0)
    factors, offsets = network.score_factors.astype(np.float64), network.score_offsets.astype(np.float64)
    fan_in = network.fan_in
    scores = np.arange(-fan_in, fan_in + 1, 2, dtype=np.int32)
    # [classes, K + 1], each score of each class as the network ranks it
    wanted = network.ranked(np.repeat(scores[:, None], network.classes, axis=1)).T
    largest = (_LARGEST - fan_in - 1) / max((np.abs(factors) * fan_in + np.abs(offsets)).max(), 1e-30)
    for scale in (1.0, 2.0, *(largest / 1.03125**step for step in range(_SCALES))):
        if scale > largest:
            continue
        table = np.stack([np.rint(factors * scale), np.rint(offsets * scale)], axis=1).astype(np.int64)
        got = table[:, :1] * scores.astype(np.int64) + table[:, 1:]
        if np.abs(got).max() <= _LARGEST and _same_order(wanted, got):
            return ChipRanking(table.astype(np.int32), scale)
    return ChipRanking(None, 1.0, host_decides=True)


def _same_order(wanted: NDArray[Any], got: NDArray[np.int64]) -> bool:
    """Whether of any two classes with any two scores the same one wins by both: the larger value, of equal ones the first class.

    In the order in which `wanted` lets each beat those before it, `got` may nowhere fall, nor stay equal while the class rises.
    """
    classes = np.broadcast_to(np.arange(len(wanted))[:, None], wanted.shape).reshape(-1)
    values, integers = wanted.reshape(-1), got.reshape(-1)
    order = np.lexsort((integers, -classes, values))
    rises = np.diff(integers[order])
    other = np.diff(classes[order])
    return bool(((rises > 0) | ((rises == 0) & (other <= 0))).all())
