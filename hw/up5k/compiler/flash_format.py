"""The flash image of a network, byte by byte, as `rtl/owl_boot.v`, `owl_sequencer.v` and `owl_encoder.v` read it.

    bytes 0..3    "OWLB"
    byte  4, 5    format version (1), 0
    bytes 6, 7    length in 64-bit words, big-endian, 1..16383
    then          the words, big-endian
    last 4 bytes  CRC-32/MPEG-2 over all bytes before, big-endian

Word 0 configures the frame. Words 1..16 are the encoder's table. From word 17 on comes the program, read from its first word to its
last: for each tile its descriptor of four words, its weights, and its passes, each a header and where its sums begin. Addresses of
maps count quarters of a word (16 bits). Which bits of a word hold what: `fields.py`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from owlbit.hw.up5k.fields import IMAGE, STEP, STEP_PLACES, TILE, WIDTH_CODES, WIDTH_WORD

MAGIC = b"OWLB"
VERSION = 1
FLASH_OFFSET = 0x20000  # of the network in the flash; the bitstream lies at 0
FIRST_DESCRIPTOR = 17
DESCRIPTOR_WORDS = 4
_MIRRORED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def crc32_mpeg2(data: bytes) -> int:
    """CRC-32/MPEG-2: polynomial 0x04C11DB7, start 0xFFFFFFFF, most significant bit first, no final inversion.

    zlib computes the mirrored polynomial on mirrored bytes and inverts at the end; mirroring and inverting gives this one.
    """
    mirrored = zlib.crc32(data.translate(_MIRRORED)) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def pack_image(words: NDArray[np.uint64]) -> bytes:
    """The flash image of uint64 words."""
    header = IMAGE.pack(version=VERSION, reserved=0, words=len(words))
    body = MAGIC + header.to_bytes(4, "big") + words.astype(">u8").tobytes()
    return body + crc32_mpeg2(body).to_bytes(4, "big")


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
