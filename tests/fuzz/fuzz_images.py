"""Damage to pictures and arrays of images: their bytes, and the sizes that their headers claim."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

from fuzz_bytes import Draw, mutate_bytes

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
MODES = ("L", "RGB", "RGBA", "P", "1", "LA", "I;16", "CMYK", "F")
SIZES = (0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1)


def picture(draw: Draw) -> tuple[bytes, str]:
    """(a small picture, the name that its format has)."""
    kind, mode = str(draw.choice(FORMATS)), str(draw.choice(MODES))
    sides = [int(side) for side in draw.integers(1, 40, 2)]
    pixels = Image.fromarray(draw.integers(0, 256, (sides[0], sides[1], 3), np.uint8))
    file = io.BytesIO()
    try:
        pixels.convert("I" if mode == "I;16" else mode).convert(mode).save(file, kind)
    except (OSError, ValueError):  # a mode that this format has not
        pixels.save(file, kind)
    return file.getvalue(), kind.lower()


def mutate_picture(data: bytes, draw: Draw) -> bytes:
    """`data` with damaged bytes; of a PNG also with another size in its header, and the check sum that goes with it."""
    if data.startswith(b"\x89PNG") and draw.random() < 0.4:
        width, height = (SIZES[int(draw.integers(len(SIZES)))] for _ in range(2))
        head = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
        data = data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]
    return mutate_bytes(data, draw) if draw.random() < 0.8 else data


def array(draw: Draw) -> bytes:
    """An .npy of images [N, 1, 16, 16], as the demo network takes them, or of something near."""
    file = io.BytesIO()
    shape = [(3, 1, 16, 16), (1, 1, 16, 16), (1, 16, 16), (2, 3, 16, 16), (0, 1, 16, 16)][int(draw.integers(5))]
    np.save(file, draw.integers(0, 256, shape).astype(str(draw.choice(["u1", "u1", "i8", "f4"]))))
    return file.getvalue()


def mutate_array(data: bytes, draw: Draw) -> bytes:
    """`data` with damaged bytes, or with another shape or type in its header."""
    if draw.random() < 0.5:
        return mutate_bytes(data, draw)
    start, end = data.find(b"'shape': "), data.find(b"}")
    claims = [
        b"(9999999999, 1, 16, 16), ",
        b"(-1, 1, 16, 16), ",
        b"(" * 200,
        b"(1" + b"0" * 4400 + b",), ",
        b"None, ",
        b"(3, 1, 16, 17), ",
    ]
    return data[:start] + b"'shape': " + claims[int(draw.integers(len(claims)))] + data[end:]
