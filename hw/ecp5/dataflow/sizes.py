"""Sizes that follow from a folding: registers of a popcount, places for results, and when a buffer becomes block RAM."""

from __future__ import annotations

from math import ceil, log2

from owlbit.hw.ecp5.dataflow.geometry import Geometry

AUTO_BUFFER_LUTS = 100  # a buffer that takes more LUTs becomes block RAM where the folding leaves it open
MIN_PLACES = 4


def ram_luts(bits: int, depth: int) -> int:
    """LUT4 of a LUT RAM: six for four bits of 16 words, and what selects among the sixteens."""
    return 6 * -(-bits // 4) * -(-depth // 16) + bits * 2 * (-(-depth // 16) - 1) // 3


def count_stages(products: int) -> int:
    """Registers in a popcount of so many products: two in three levels of its tree and one at its end close at 125 MHz."""
    levels = 1 + max(ceil(log2((products + 3) / 4)), 0)
    return ceil(levels * 2 / 3) + 1


def score_cycles(folded: Geometry) -> int:
    """From the slice that ends a sum to the one that may end the next, as the scores are sent in between."""
    return 2 * folded.pe + count_stages(folded.simd) + 5


def fifo_places(folded: Geometry) -> int:
    """Of the FIFO behind a layer, so that it never waits for its own results: all under way at once, and what `owl_room` keeps."""
    latency = count_stages(folded.simd) + 11
    return max(MIN_PLACES, 4 + -(-latency // folded.sum_slices))
