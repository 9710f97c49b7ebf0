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
    (
        Field("positions", 0, 16, "pixels of a frame", less_one=True),
        Field("base", 16, 16, "first quarter of the encoded frame"),
    ),
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
    "Descriptor of a tile, four words each from word 17 on",
    (
        Field("read_base", 0, 16, "first tap of the first window, in quarters", wraps=True),
        Field("write_base", 16, 16, "first output position, in quarters", wraps=True),
        Field("columns", 32, 8, "output columns, or pairs of them, before pooling", less_one=True),
        Field("rows", 40, 8, "output rows before pooling", less_one=True),
        Field("mode", 48, 2, "width code of a group of channels"),
        Field("read_width", 50, 2, "width code of a position of the map read"),
        Field("write_width", 52, 2, "width code of a position of the map written"),
        Field("pool", 54, 1, "OR over 2x2 windows"),
        Field("raw", 55, 1, "the last stage: popcounts go to the sender"),
        Field("pad_top", 56, 1, "the first row of the first windows lies outside the map"),
        Field("pad_bottom", 57, 1, "the last row of the last windows does"),
        Field("pad_left", 58, 1, "the first column of the first windows does"),
        Field("pad_right", 59, 1, "the last column of the last windows does"),
        Field("last", 60, 1, "the last tile of a frame"),
        Field("frees_frame", 61, 1, "after this tile the next frame may be stored"),
        Field("pair", 62, 1, "windows go in pairs"),
        Field("odd", 63, 1, "the last window of a row has no partner"),
        Field("step_kx", 64, 16, "quarters from a column to the next", wraps=True),
        Field("step_ky", 80, 16, "from the last word of a row to the next row", wraps=True),
        Field("step_a", 96, 16, "from a window or pair to its right neighbour", wraps=True),
        Field("step_b", 112, 16, "in a pool: from its upper right window, or upper pair, to its lower left", wraps=True),
        Field("step_d", 128, 16, "in a pool: from its last window or pair to the next pool", wraps=True),
        Field("step_e", 144, 16, "from the last window of a row to the next row", wraps=True),
        Field("words", 160, 8, "words of a tap", less_one=True),
        Field("passes", 168, 8, "passes of the tile", less_one=True),
        Field("write_step", 176, 9, "quarters from an output position to the next"),
        Field("reads", 185, 2, "columns read for a window or pair", less_one=True),
        Field("kernel_rows", 187, 2, "rows of a window", less_one=True),
        Field("thresholds_at", 192, 14, "first word of the pass headers and thresholds"),
        Field("thresholds", 206, 8, "their number of words", less_one=True),
        Field("weights_at", 214, 14, "first word of the weights"),
        Field("weights", 228, 10, "their number of words", less_one=True),
        Field("step_word", 238, 16, "quarters from the last column of a word to the first of the next word", wraps=True),
    ),
)
PASS = Record(
    "pass",
    "Header of a pass, before its thresholds",
    (
        Field("slot", 0, 12, "slots: see the next table", count=4),
        Field("first_word", 48, 10, "word of a position where the groups of the pass begin"),
        Field("quad", 58, 1, "all four slots in one write, to the place of slot 0"),
        Field("scores", 59, 2, "in the last stage: classes of the pass", less_one=True),
    ),
)
SLOT = Record(
    "slot",
    "Slot of a pass: where four filters go",
    (
        Field("quarter", 0, 8, "quarter of the output position"),
        Field("nibble", 8, 2, "nibble of the quarter"),
        Field("fill", 10, 1, "the rest of the word, or of a narrower position, becomes 0"),
        Field("write", 11, 1, "the slot is used"),
    ),
)
FILTERS = Record(
    "filters",
    "Thresholds of a slot, one word each",
    (Field("threshold", 0, 14, "the output is 1 where the popcount is at least this", count=4, stride=16),),
)
CLASSES = Record(
    "classes",
    "The same in the last stage",
    (Field("offset", 0, 16, "added to twice the popcount: minus the number of inputs", count=4, wraps=True),),
)
RECORDS = (IMAGE, FRAME, ENTRY, TILE, PASS, SLOT, FILTERS, CLASSES)
