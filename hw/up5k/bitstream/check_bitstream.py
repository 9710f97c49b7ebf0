"""Whether bytes are a configuration that an iCE40 takes: a walk through its commands, as the chip makes it, to the check sum.

The format is Project IceStorm's description (docs/format.rst): comment, the bytes 7E AA 99 7E, then commands whose first byte holds
the opcode above and the number of payload bytes below. Reset, and every chunk of memory, feed a CRC-16 (polynomial 1021 hex, from
FFFF hex); the command "check" carries it, and a chip that finds another does not start.
"""

from __future__ import annotations

import binascii

from owlbit.export.errors import OwlbitError

SYNC = bytes.fromhex("7eaa997e")
DO, CHECK, WIDTH, HEIGHT = 0x0, 0x2, 0x6, 0x7  # opcodes
WRITE_CRAM, WRITE_BRAM, RESET_CRC, WAKE_UP = 1, 3, 5, 6  # payloads of DO


class NoBitstreamError(OwlbitError):
    """What stands where the chip looks for its configuration is none that it takes."""


def check_bitstream(data: bytes, where: str) -> None:
    """Raises NoBitstreamError, which begins with `where`, unless `data` begins with a configuration that ends with "wake up" and
    whose check sum is right."""
    start = data[:4096].find(SYNC)
    if start < 0:
        raise NoBitstreamError(f"{where}: expected the bitstream of the engine, found no beginning of one; build it again")
    at, since, width, height, checked = start + len(SYNC), start + len(SYNC), 0, 0, False
    while at < len(data):
        opcode, count = data[at] >> 4, data[at] & 15
        payload = int.from_bytes(data[at + 1 : at + 1 + count], "big")
        at += 1 + count
        if opcode == DO and payload == RESET_CRC:
            since = at
        elif opcode == DO and payload in (WRITE_CRAM, WRITE_BRAM):
            at += width * height // 8 + 2
        elif opcode == DO and payload == WAKE_UP:
            if not checked:
                break
            return
        elif opcode == WIDTH:
            width = payload + 1
        elif opcode == HEIGHT:
            height = payload
        elif opcode == CHECK:
            if binascii.crc_hqx(data[since:at], 0xFFFF):  # over its own check sum it is 0
                raise NoBitstreamError(f"{where}: the bitstream is damaged, its check sum is wrong; build it again")
            checked = True
    raise NoBitstreamError(f"{where}: the bitstream is damaged or cut off; build it again")
