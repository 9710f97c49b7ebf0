"""The flash image of a network, byte by byte, as `rtl/owl_boot.v` and the board's firmware read it: written and read back.

All numbers are big-endian.

    0x00  4         "OWLB"
    0x04  4         IMAGE record of `fields.py`: format version (2), 0, length in 64-bit words, 1..16383
    0x08  2 each    rows, columns, colours, classes
    0x10  2         flags: bit 0: class table follows, bit 1: self-test follows, bit 2: class and wake-up are the host's
    0x12  1 each    wake policy: frames needed (0: never wakes), of so many
    0x14  4         wake policy: margin
    0x18  2         wake policy: frames of the hold-off
    0x1A  2         0
    0x1C  4         tail: bytes between the last word and the checksum
    0x20  32        classes that never wake: class c is bit 7 - c % 8 of byte c / 8
    0x40  32        engine and format, ASCII, zero-padded
    0x60  32        name of the network, ASCII, zero-padded
    0x80  32        SHA-256 of all bytes but these and the checksum
    0xA0  8 each    the words
    then            with flag 0: int32 multiplier and int32 offset for each class
    then            with flag 1: int16 expected score of each class, then the self-test frame, order row, column, colour
    last 4 bytes    CRC-32/MPEG-2 over all bytes before

Word 0 configures the frame. Words 1..16 are the encoder's table. From word 17 on comes the program, read from its first word to its
last: for each tile its descriptor of four words, its weights, and its passes, each a header and where its sums begin. Addresses of
maps count quarters of a word (16 bits). Which bits of a word hold what: `fields.py`.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints, Shape
from owlbit.hw.up5k.fields import IMAGE
from owlbit.hw.up5k.wake_policy import NEVER, ChipPolicy, quiet_classes, quiet_mask

MAGIC = b"OWLB"
VERSION = 2
ENGINE_NAME = "owlbit-up5k-2"
FLASH_OFFSET = 0x20000  # of the network in the flash; the bitstream lies at 0
FIRST_DESCRIPTOR = 17
DESCRIPTOR_WORDS = 4
HEADER_BYTES, CHECKSUM_BYTES = 0xA0, 4
TAIL_AT = 0x1C  # of the number of bytes between the words and the checksum
NAME_BYTES, SHA_AT = 32, 0x80
HAS_CLASS_TABLE, HAS_SELF_TEST, HOST_DECIDES = 1, 2, 4
_MIRRORED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


class FlashError(OwlbitError):
    """Bytes that are no whole flash image of a network."""


@dataclass(frozen=True, eq=False)
class SelfTest:
    """`frame`: uint8 [C, H, W]; `scores`: int16 [classes], what the engine must give for it."""

    frame: NDArray[np.uint8]
    scores: NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class NetworkImage:
    """All that a flash image says.

    `words`: uint64, the engine's program; `input_shape`: (C, H, W); `name`: of the network, at most 32 ASCII characters are kept;
    `class_table`: int32 [classes, 2] of multiplier and offset, by which scores rank, None where scores rank as they are;
    `host_decides`: no integers rank as the network's own arithmetic does, so that class and wake-up are the host's.
    """

    words: NDArray[np.uint64]
    input_shape: Shape
    classes: int
    name: str
    policy: ChipPolicy = NEVER
    class_table: Ints | None = None
    host_decides: bool = False
    self_test: SelfTest | None = None
    engine: str = ENGINE_NAME


def crc32_mpeg2(data: bytes) -> int:
    """CRC-32/MPEG-2: polynomial 0x04C11DB7, start 0xFFFFFFFF, most significant bit first, no final inversion.

    zlib computes the mirrored polynomial on mirrored bytes and inverts at the end; mirroring and inverting gives this one.
    """
    mirrored = zlib.crc32(data.translate(_MIRRORED)) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def pack_image(image: NetworkImage) -> bytes:
    """The bytes of the flash image. Raises ValueError for what its fields do not hold."""
    colours, rows, columns = image.input_shape
    flags = (image.class_table is not None) * HAS_CLASS_TABLE + (image.self_test is not None) * HAS_SELF_TEST
    flags += image.host_decides * HOST_DECIDES
    tail = b""
    if image.class_table is not None:
        tail += image.class_table.astype(">i4").tobytes()
    if image.self_test is not None:
        tail += image.self_test.scores.astype(">i2").tobytes() + image.self_test.frame.transpose(1, 2, 0).tobytes()
    policy = image.policy
    start = MAGIC + IMAGE.pack(version=VERSION, reserved=0, words=len(image.words)).to_bytes(4, "big")
    start += b"".join(value.to_bytes(2, "big") for value in (rows, columns, colours, image.classes, flags))
    start += bytes([policy.needed, policy.of]) + policy.margin.to_bytes(4, "big") + policy.hold_off_frames.to_bytes(2, "big")
    start += bytes(2) + len(tail).to_bytes(4, "big") + quiet_mask(policy.quiet) + _name(image.engine) + _name(image.name)
    rest = image.words.astype(">u8").tobytes() + tail
    body = start + hashlib.sha256(start + rest).digest() + rest
    return body + crc32_mpeg2(body).to_bytes(CHECKSUM_BYTES, "big")


def read_image(data: bytes) -> NetworkImage:
    """What a flash image says. Raises FlashError, saying what is wrong, for bytes that the chip or `pack_image` would not take."""
    if len(data) < HEADER_BYTES + CHECKSUM_BYTES or data[:4] != MAGIC:
        blank = bool(data) and not data.strip(b"\xff")
        found = "a blank flash" if blank else f"{len(data)} bytes that begin with {data[:4].hex() or 'none'}"
        raise FlashError(f'expected the flash image of a network, which begins with "OWLB", found {found}; build it again')
    if data[4] != VERSION:
        raise FlashError(f"expected a flash image of format {VERSION}, got format {data[4]}; build it again with this owlbit")
    record = int.from_bytes(data[4:8], "big")
    count = record & 0x3FFF
    rows, columns, colours, classes, flags = (int.from_bytes(data[at : at + 2], "big") for at in range(8, 18, 2))
    tail_at, tail = HEADER_BYTES + 8 * count, int.from_bytes(data[0x1C:0x20], "big")
    if len(data) != tail_at + tail + CHECKSUM_BYTES:
        expected = tail_at + tail + CHECKSUM_BYTES
        raise FlashError(f"expected a flash image of {expected} bytes, got {len(data)}, so it was cut off; write it again")
    if crc32_mpeg2(data):
        raise FlashError("expected a flash image whose checksum is right, got a damaged one; write it again")
    if data[SHA_AT:HEADER_BYTES] != hashlib.sha256(data[:SHA_AT] + data[HEADER_BYTES:-CHECKSUM_BYTES]).digest():
        raise FlashError("expected the SHA-256 of the flash image in its header, got another; build it again")
    pixels = rows * columns * colours
    parts = [classes * 8 * bool(flags & HAS_CLASS_TABLE), classes * 2 * bool(flags & HAS_SELF_TEST)]
    if not count or not pixels or not classes or flags > 7 or tail != sum(parts) + pixels * bool(flags & HAS_SELF_TEST):
        raise FlashError("expected a header that says a network's sizes, got one whose sizes contradict each other; build it again")
    if record >> 14 & 0x3FF or any(data[0x1A:0x1C]):
        raise FlashError("expected zero where the header says nothing, got other bits; build it again with this owlbit")
    table_end, scores_end = tail_at + parts[0], tail_at + sum(parts)
    table = np.frombuffer(data[tail_at:table_end], ">i4").astype(np.int32).reshape(-1, 2) if parts[0] else None
    test = None
    if parts[1]:
        frame = np.frombuffer(data[scores_end:-CHECKSUM_BYTES], np.uint8).reshape(rows, columns, colours).transpose(2, 0, 1)
        test = SelfTest(frame, np.frombuffer(data[table_end:scores_end], ">i2").astype(np.int16))
    return NetworkImage(
        words=np.frombuffer(data[HEADER_BYTES:tail_at], ">u8").astype(np.uint64),
        input_shape=(colours, rows, columns),
        classes=classes,
        name=_text(data[0x60:0x80]),
        policy=ChipPolicy(
            needed=data[0x12],
            of=data[0x13],
            margin=int.from_bytes(data[0x14:0x18], "big"),
            hold_off_frames=int.from_bytes(data[0x18:0x1A], "big"),
            quiet=quiet_classes(data[0x20:0x40]),
        ),
        class_table=table,
        host_decides=bool(flags & HOST_DECIDES),
        self_test=test,
        engine=_text(data[0x40:0x60]),
    )


def image_hash(data: bytes) -> str:
    """The SHA-256 in the header of a flash image, as the chip tells it, in hexadecimal digits."""
    return data[SHA_AT:HEADER_BYTES].hex()


def _name(text: str) -> bytes:
    return text.encode("ascii", "replace")[:NAME_BYTES].ljust(NAME_BYTES, b"\0")


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("ascii", "replace")
