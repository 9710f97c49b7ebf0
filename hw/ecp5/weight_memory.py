"""Where a layer's weights lie: words of `width` bits, one read per cycle, cut into columns of block RAM and of LUT ROM.

A block RAM of the ECP5 (DP16KD, 18,432 bits) has one of the shapes below; several lie side by side for a wider word and above one
another for more words. A LUT4 as ROM holds 16 words of one bit. What remains of a word after whole block RAMs may lie in LUTs,
where that costs few of them and saves a block RAM (Lattice FPGA-TN-02204, "ECP5 and ECP5-5G Memory").
"""

from __future__ import annotations

from dataclasses import dataclass

SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))  # words, bits of each
BLOCK_BITS = 18_432
INITIAL_LUTS = 100  # LUTs for the beginnings of sums that are worth a block RAM
ROWS_PENALTY = 1.15  # of block RAMs above one another
LUT_WORDS = 16  # words of one bit in a LUT4

# "auto" puts weights of up to this many LUTs into LUTs; with more, a block RAM is the scarcer thing only where it is half empty.
AUTO_LUTS = 64


@dataclass(frozen=True)
class WeightMemory:
    """`words` of `width` bits. `shape`: (words, bits) of its block RAMs; `rows`, `columns`: how many of them above one another and
    side by side; `lut_bits`: bits of each word, the highest, that lie in LUTs."""

    words: int
    width: int
    shape: tuple[int, int]
    rows: int
    columns: int
    lut_bits: int

    @property
    def blocks(self) -> int:
        """Block RAMs."""
        return self.rows * self.columns

    @property
    def luts(self) -> int:
        """LUT4 of the ROM, without what selects among rows and depths."""
        return self.lut_bits * -(-self.words // LUT_WORDS)


def weight_memory(words: int, width: int, memory: str = "auto") -> WeightMemory:
    """The memory of `words` words of `width` bits, both at least 1. `memory`: "ebr", "lut" or "auto" (see `AUTO_LUTS`).

    "auto" takes block RAM, but LUTs for what of a word does not fill a block RAM and costs at most `AUTO_LUTS`.
    """
    luts_per_bit = -(-words // LUT_WORDS)
    if memory == "lut":
        return WeightMemory(words, width, SHAPES[0], 0, 0, width)
    shape = min(SHAPES, key=lambda one: (_weight(words, width, one), one[0]))
    rows = -(-words // shape[0])
    columns, rest = divmod(width, shape[1])
    if not rest:
        return WeightMemory(words, width, shape, rows, columns, 0)
    if memory == "auto" and rest * luts_per_bit <= AUTO_LUTS * rows:
        return WeightMemory(words, width, shape, rows if columns else 0, columns, rest)
    return WeightMemory(words, width, shape, rows, columns + 1, 0)


def initial_memory(words: int, width: int) -> WeightMemory | None:
    """The block RAMs of the values where sums begin, `words` words of `width` bits; None where they belong into LUTs."""
    memory = weight_memory(words, width, "ebr")
    return memory if memory.rows == 1 and width * -(-words // LUT_WORDS) > INITIAL_LUTS * memory.blocks else None


def _weight(words: int, width: int, shape: tuple[int, int]) -> float:
    """Block RAMs of a shape, by which one is chosen; several above one another cost LUTs and a cycle, and count for more."""
    rows = -(-words // shape[0])
    return rows * -(-width // shape[1]) * (ROWS_PENALTY if rows > 1 else 1)
