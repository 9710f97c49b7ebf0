"""The flash image of a network, byte by byte, as `rtl/owl_boot.v`, `owl_sequencer.v` and `owl_encoder.v` read it.

    bytes 0..3    "OWLB"
    byte  4, 5    format version (1), 0
    bytes 6, 7    length in 64-bit words, big-endian, 1..16383
    then          the words, big-endian
    last 4 bytes  CRC-32/MPEG-2 over all bytes before, big-endian

Word 0 configures the frame: pixels less one [15:0], first quarter of the frame [31:16]. Words 1..16 are the encoder's table: four
thresholds of nine bits, then a bit that ends a byte and one that ends a pixel. From word 17 on come the tiles' descriptors, four
words each, then thresholds and weights where the descriptors say. Addresses of maps count quarters of a word (16 bits).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAGIC = b"OWLB"
VERSION = 1
FLASH_OFFSET = 0x20000  # of the network in the flash; the bitstream lies at 0
FIRST_DESCRIPTOR = 17
_MIRRORED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def crc32_mpeg2(data: bytes) -> int:
    """CRC-32/MPEG-2: polynomial 0x04C11DB7, start 0xFFFFFFFF, most significant bit first, no final inversion.

    zlib computes the mirrored polynomial on mirrored bytes and inverts at the end; mirroring and inverting gives this one.
    """
    mirrored = zlib.crc32(data.translate(_MIRRORED)) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def pack_image(words: NDArray[np.uint64]) -> bytes:
    """The flash image of uint64 words."""
    body = MAGIC + bytes([VERSION, 0]) + len(words).to_bytes(2, "big") + words.astype(">u8").tobytes()
    return body + crc32_mpeg2(body).to_bytes(4, "big")


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
        kx, word, ky, a, b, d, e = (step & 0xFFFF for step in self.steps)
        pads = sum(int(flag) << place for place, flag in enumerate(self.pad))
        flags = self.mode | self.read_width << 2 | self.write_width << 4 | self.pool << 6 | self.raw << 7 | pads << 8
        flags |= self.last << 12 | self.frees_frame << 13 | self.pair << 14 | self.odd << 15
        kernel = (self.reads - 1) << 57 | (self.kernel_rows - 1) << 59
        return [
            self.read_base & 0xFFFF
            | (self.write_base & 0xFFFF) << 16
            | (self.columns - 1) << 32
            | (self.rows - 1) << 40
            | flags << 48,
            kx | ky << 16 | a << 32 | b << 48,
            d | e << 16 | (self.words - 1) << 32 | (self.passes - 1) << 40 | self.write_step << 48 | kernel,
            self.thresholds_at | (self.thresholds - 1) << 14 | self.weights_at << 22 | (self.weights - 1) << 36 | word << 46,
        ]


def width_code(bits: int) -> int:
    """How the engine names a width: 2 for 16 bits, 1 for 32, 0 for whole words."""
    return {16: 2, 32: 1}.get(bits, 0)
