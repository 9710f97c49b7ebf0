"""The descriptor of a tile, as the compiler fills it and `rtl/owl_sequencer.v` reads it."""

from __future__ import annotations

from dataclasses import dataclass

from owlbit.hw.up5k.fields import STEP, STEP_PLACES, TILE, WIDTH_CODES, WIDTH_WORD


@dataclass(frozen=True)
class Descriptor:
    """One tile. Addresses and steps in quarters, wrapping at 2^16; `pad` is (top, bottom, left, right)."""

    write_base: int
    columns: int
    rows: int
    by_quarters: bool
    by_words: bool
    split: bool
    read_width: int
    write_width: int
    pool: bool
    raw: bool
    pad: tuple[bool, bool, bool, bool]
    last: bool
    frees_frame: bool
    pair: bool
    odd: bool
    kept: bool
    steps: tuple[int, int, int, int, int, int, int]
    words: int
    passes: int
    write_step: int
    kernel_rows: int
    reads: int
    starts: int
    weights: int

    def pack(self) -> list[int]:
        """Its 64-bit words."""
        plain = {name: int(value) for name, value in vars(self).items() if name not in ("pad", "steps")}
        pads = dict(zip(("pad_top", "pad_bottom", "pad_left", "pad_right"), map(int, self.pad), strict=True))
        words = [*TILE.pack_words(**plain, **pads), 0]
        steps = [0] * 8
        for name, step in zip(("kx", "word", "ky", "a", "b", "d", "e"), self.steps, strict=True):
            steps[STEP_PLACES[name]] = step
        return [word | STEP.pack(size=steps[2 * index : 2 * index + 2]) for index, word in enumerate(words)]


def width_code(bits: int) -> int:
    """How the engine names a width in bits."""
    return WIDTH_CODES.get(bits, WIDTH_WORD)
