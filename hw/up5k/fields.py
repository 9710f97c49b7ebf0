"""The bits of every record in the UP5K's flash image: one table, from which Python packs, the RTL unpacks and the README quotes.

The compiler packs with it. `bitstream/fields_header.py` writes it out as the tables of `README.md` and as `rtl/owl_fields.vh`, by
whose macros alone the RTL names the bits of a record. A field that changes its place therefore changes it on both sides; one that
changes its width is noticed by the lint of the RTL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Codes of a width in bits: what a position of a map or a group of channels takes of a 64-bit word.
WIDTH_WORD, WIDTH_HALF, WIDTH_QUARTER = 0, 1, 2
WIDTH_CODES = {16: WIDTH_QUARTER, 32: WIDTH_HALF}  # any other width: WIDTH_WORD


@dataclass(frozen=True)
class Field:
    """`width` bits from bit `low` on; or `count` of them, `stride` bits from one to the next (0: side by side).

    `less_one`: the bits hold the value less one. `wraps`: the value is taken modulo 2^width, so that it may be negative.
    """

    name: str
    low: int
    width: int
    meaning: str
    less_one: bool = False
    wraps: bool = False
    count: int = 1
    stride: int = 0

    @property
    def step(self) -> int:
        """Bits from one value of the field to the next."""
        return self.stride or self.width

    @property
    def end(self) -> int:
        """The first bit after the field."""
        return self.low + self.step * (self.count - 1) + self.width

    def encode(self, value: int | Sequence[int]) -> int:
        """The field's bits in place. Raises ValueError where a value does not fit or `count` values were not given."""
        values = [value] if isinstance(value, int) else list(value)
        if len(values) != self.count:
            raise ValueError(f"{self.name}: expected {self.count} values, got {len(values)}")
        result = 0
        for index, each in enumerate(values):
            stored = int(each) - self.less_one
            if self.wraps:
                stored &= (1 << self.width) - 1
            if not 0 <= stored < 1 << self.width:
                raise ValueError(f"{self.name}: expected a value that {self.width} bits hold, got {each}")
            result |= stored << self.low + self.step * index
        return result


@dataclass(frozen=True)
class Record:
    """Fields of one or several 64-bit words, bit 0 the lowest of the first word.

    Raises ValueError where two fields overlap or have one name.
    """

    name: str
    title: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        taken: dict[int, str] = {}
        for field in self.fields:
            for start in range(field.low, field.end, field.step):
                for bit in range(start, start + field.width):
                    if bit in taken:
                        raise ValueError(f"{self.name}: bit {bit} belongs to {taken[bit]} and to {field.name}")
                    taken[bit] = field.name
        if len({field.name for field in self.fields}) != len(self.fields):
            raise ValueError(f"{self.name}: two fields have one name")

    @property
    def bits(self) -> int:
        """Bits up to the end of the highest field."""
        return max(field.end for field in self.fields)

    def pack(self, **values: int | Sequence[int]) -> int:
        """The record as one integer. `values`: one for each field, by name.

        Raises ValueError for a field that is missing or unknown, or a value that does not fit.
        """
        names = {field.name for field in self.fields}
        if names != set(values):
            raise ValueError(f"{self.name}: expected the fields {sorted(names)}, got {sorted(values)}")
        return sum(field.encode(values[field.name]) for field in self.fields)

    def pack_words(self, **values: int | Sequence[int]) -> list[int]:
        """The same as 64-bit words, lowest first."""
        packed = self.pack(**values)
        return [packed >> 64 * index & (1 << 64) - 1 for index in range(-(-self.bits // 64))]


IMAGE = Record(
    "image",
    "Header of the image, the four bytes after `OWLB`",
    (
        Field("words", 0, 14, "length of the image in 64-bit words, 1 to 16383"),
        Field("reserved", 14, 10, "0"),
        Field("version", 24, 8, "of this format"),
    ),
)
FRAME = Record(
    "frame",
    "Frame, word 0",
    (Field("base", 0, 16, "first quarter of the encoded frame, which ends with the last quarter of the memory"),),
)
ENTRY = Record(
    "entry",
    "Encoder entry, words 1 to 16",
    (
        Field("threshold", 0, 9, "the bit is 1 where the byte is at least this; 256 never fires", count=4),
        Field("ends_byte", 36, 1, "the next entry meets the next byte"),
        Field("ends_pixel", 37, 1, "the next entry is the first one"),
    ),
)
TILE = Record(
    "tile",
    "Descriptor of a tile: four words, each with two steps; the first one is words 17 to 20",
    (
        Field("columns", 32, 8, "output columns, or pairs of them, before pooling", less_one=True),
        Field("rows", 40, 8, "output rows before pooling", less_one=True),
        Field("words", 48, 8, "words of a tap", less_one=True),
        Field("passes", 56, 8, "passes of the tile", less_one=True),
        Field("weights", 96, 10, "words of the weights", less_one=True),
        Field("reads", 106, 2, "columns read for a window or pair", less_one=True),
        Field("kernel_rows", 108, 2, "rows of a window", less_one=True),
        Field("write_base", 110, 16, "first output position, in quarters", wraps=True),
        Field("pool", 126, 1, "OR over 2x2 windows"),
        Field("raw", 127, 1, "the last stage: popcounts go to the sender"),
        Field("write_step", 160, 9, "quarters from an output position to the next"),
        Field("starts", 169, 3, "words of a pass after its header, where its sums begin"),
        Field("read_width", 172, 2, "width code of a position of the map read"),
        Field("write_width", 174, 2, "width code of a position of the map written"),
        Field("by_quarters", 176, 1, "a sum of 8 bits for each quarter of a word; else of 16 bits"),
        Field("by_words", 177, 1, "a sum for the whole word; else for each half, or with `split` for each quarter"),
        Field("split", 178, 1, "the right set of lanes takes quarters 0 and 2, the left one 1 and 3"),
        Field("pad_top", 179, 1, "the first row of the first windows lies outside the map"),
        Field("pad_bottom", 180, 1, "the last row of the last windows does"),
        Field("pad_left", 181, 1, "the first column of the first windows does"),
        Field("pad_right", 182, 1, "the last column of the last windows does"),
        Field("last", 183, 1, "the last tile of a frame"),
        Field("frees_frame", 184, 1, "after this tile the next frame may be stored"),
        Field("pair", 185, 1, "windows go in pairs"),
        Field("odd", 186, 1, "the last window of a row has no partner"),
        Field("kept", 187, 1, "the first column of a pair comes from the line memory"),
    ),
)
STEP = Record(
    "step",
    "Steps: two in each word of a descriptor, the first alone in the header of a pass",
    (Field("size", 0, 16, "what is added to the address of a read to find the next one, in quarters", wraps=True, count=2),),
)
# The place of each step in a descriptor, and so in the engine's table: to the next column, word and row of a window; then from the
# last read of a window, or pair of them, to the first of its right neighbour, from the upper ones of a pool to the lower ones, from
# a pool to the next, and to the next row. `base` is in the header of a pass: from 0 to the first read.
STEP_PLACES = {"kx": 0, "word": 1, "ky": 2, "base": 3, "a": 4, "b": 5, "d": 6, "e": 7}
PASS = Record(
    "pass",
    "Header of a pass, with the step `base`",
    (Field("slot", 16, 12, "slots: see the next table", count=4),),
)
LAST = Record(
    "last",
    "The same in the last stage",
    (
        Field("scores", 16, 2, "classes of the pass", less_one=True),
        Field("odd", 18, 1, "the number of inputs is odd"),
    ),
)
SLOT = Record(
    "slot",
    "Slot of a pass: where four filters go",
    (
        Field("quarter", 0, 8, "quarter of the output position"),
        Field("nibble", 8, 2, "nibble of the quarter"),
        Field(
            "fill", 10, 1, "the rest of the word, or of a narrower position, becomes 0; in an unused slot 1: one write for all four"
        ),
        Field("write", 11, 1, "the slot is used"),
    ),
)
START = Record(
    "start",
    "Where sums begin, for each of four filters",
    (
        Field("even", 0, 7, "sum 0 or 2: its limit less the threshold; or the lower bits of a sum of 16 bits", count=4, stride=16),
        Field("even_high", 7, 1, "its limit is 160, not 96; or the next bit", count=4, stride=16),
        Field("odd", 8, 7, "the same of sum 1 or 3; or the upper bits", count=4, stride=16),
        Field("odd_high", 15, 1, "its limit is 160, not 96; or 0", count=4, stride=16),
    ),
)
RECORDS = (IMAGE, FRAME, ENTRY, TILE, STEP, PASS, LAST, SLOT, START)
