"""The tables that `owlbit.hw.fast.kernels` walks: a network as rows of integers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from owlbit.hw.fast.kernels import WORD

Word: Any = np.uint32 if WORD == 32 else np.uint64
Words = NDArray[Any]
# One layer. Places and sizes of maps are in words per image; `target` is the first word inside the border. A logic skip reads a
# second map, `earlier`; there `source` and `earlier` too are the first words inside the border.
STEP = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("kind", "source", "source_rows", "source_columns", "target", "target_rows", "target_columns"),
            *("earlier", "earlier_columns", "words", "rows", "columns"),
            *("stride_rows", "stride_columns", "kernel_rows", "kernel_columns"),
            *("window_words", "filter_words", "fan_in", "first_piece", "first_run", "last_run", "first_row"),
        )
    ]
)
# Bits of a source word that go into a word of the window: rotated left by `turn`, then cut out by `mask`.
PIECE = np.dtype([("source", np.int64), ("turn", Word), ("mask", Word)])
# Filters first..last, whose rows begin at `weights`, read the window from word `window` on; they make bits of output word `word`.
RUN = np.dtype([(name, np.int64) for name in ("word", "window", "first", "last", "weights")])
# Colour and output word of one row of the thermometer's look-up table.
LEVEL = np.dtype([("colour", np.int64), ("word", np.int64)])


class Program(NamedTuple):
    """A network as tables.

    `steps`: STEP, one per layer; `pieces`: PIECE; `piece_starts`: int64, where the pieces of each word that is packed begin: of a
    convolution's window, and of a logic skip's two operands by turns; `runs`: RUN;
    `weights`: words, the filters' rows of `filter_words` words; `starts`: words, one per filter, `threshold - K - 1`: adding the
    mismatches leaves a negative number where the filter fires; `levels`: LEVEL; `lut`: words [levels, 256], the bits that a
    pixel's value sets.
    """

    steps: NDArray[Any]
    pieces: NDArray[Any]
    piece_starts: NDArray[np.int64]
    runs: NDArray[Any]
    weights: Words
    starts: Words
    levels: NDArray[Any]
    lut: Words
