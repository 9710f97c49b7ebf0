"""The descriptor of a tile, as the compiler fills it and `rtl/owl_sequencer.v` reads it."""

from __future__ import annotations

from dataclasses import dataclass

from owlbit.hw.up5k.fields import TILE, WIDTH_CODES, WIDTH_WORD


@dataclass(frozen=True)
class Descriptor:
    """One tile. Addresses and steps in quarters, wrapping at 2^16; `pad` is (top, bottom, left, right)."""

    read_base: int
    write_base: int
    columns: int
    rows: int
    mode: int
    read_width: int
    write_width: int
    pool: bool
    raw: bool
    pad: tuple[bool, bool, bool, bool]
    last: bool
    frees_frame: bool
    pair: bool
    odd: bool
    steps: tuple[int, int, int, int, int, int, int]
    words: int
    passes: int
    write_step: int
    kernel_rows: int
    reads: int
    thresholds_at: int
    thresholds: int
    weights_at: int
    weights: int

    def pack(self) -> list[int]:
        """Four 64-bit words."""
        plain = {name: int(value) for name, value in vars(self).items() if name not in ("pad", "steps")}
        pads = dict(zip(("pad_top", "pad_bottom", "pad_left", "pad_right"), map(int, self.pad), strict=True))
        steps = dict(zip((f"step_{step}" for step in ("kx", "word", "ky", "a", "b", "d", "e")), self.steps, strict=True))
        return TILE.pack_words(**plain, **pads, **steps)


def width_code(bits: int) -> int:
    """How the engine names a width in bits."""
    return WIDTH_CODES.get(bits, WIDTH_WORD)
