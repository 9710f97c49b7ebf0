"""Damage to bytes, whatever they are: what a broken disk, a cut download or a careless tool leaves."""

from __future__ import annotations

import numpy as np

Draw = np.random.Generator

# Values that lengths, counts and sizes are often wrong with.
TELLING = (
    *(b"\x00", b"\xff", b"\x7f", b"\x80"),
    *(b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\xff" * 8, b"\xff" * 9 + b"\x01", b"\x00" * 8),
    *(b"\r\n", b"\n", b'"', b"{", b"[" * 40, b"\xed\xa0\x80", b"\xef\xbb\xbf", b"nan", b"1e999", b"-1"),
)


def mutate_bytes(data: bytes, draw: Draw, most: int = 6) -> bytes:
    """`data` with 1 to `most` changes."""
    for _ in range(int(draw.integers(1, most + 1))):
        data = _change(data, draw)
    return data


def _change(data: bytes, draw: Draw) -> bytes:
    at = int(draw.integers(len(data) + 1))
    length = min(len(data) - at, int(draw.integers(1, 65)))
    what = int(draw.integers(8))
    if what == 0 and at < len(data):  # a bit
        return data[:at] + bytes([data[at] ^ (1 << int(draw.integers(8)))]) + data[at + 1 :]
    if what == 1 and at < len(data):  # a byte
        return data[:at] + draw.bytes(1) + data[at + 1 :]
    if what == 2:  # cut off
        return data[:at]
    if what == 3:  # left out
        return data[:at] + data[at + length :]
    if what == 4:  # twice
        return data[: at + length] + data[at : at + length] + data[at + length :]
    telling = TELLING[int(draw.integers(len(TELLING)))]
    if what == 5:  # put in
        return data[:at] + telling + data[at:]
    if what == 6:  # put over
        return data[:at] + telling + data[at + len(telling) :]
    other = int(draw.integers(len(data) + 1))  # put elsewhere
    return data[:other] + data[at : at + length] + data[other:]
