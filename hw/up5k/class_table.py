"""How a chip ranks the classes of a network: by its scores, by integers per class from its flash image, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Ints, Network
from owlbit.export.score_scale import integer_ranking

MULTIPLIER_BITS = 32  # of the flash image, signed


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
    """The integers for a network, by `integer_ranking`; none where it has no factors."""
    if network.score_factors is None:
        return ChipRanking(None, 1.0)
    found = integer_ranking(network, MULTIPLIER_BITS)
    if found is None:
        return ChipRanking(None, 1.0, host_decides=True)
    table = np.stack([found.multipliers, found.offsets], axis=1).astype(np.int32)
    return ChipRanking(table, float(found.multipliers.max() / network.score_factors.max()))
