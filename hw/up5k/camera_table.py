"""The registers that the chip writes to its camera at power-up: from `cameras/KIND.toml` to the table in the board's flash.

2 bytes   number of entries, big-endian
3 each    register, 2 bytes, big-endian; value. Register 0xFFFF: wait so many milliseconds.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from owlbit.export.errors import OwlbitError

CAMERAS = Path(__file__).parent / "cameras"
WAIT = 0xFFFF


class CameraError(OwlbitError):
    """A camera's file that does not say which registers to write."""


def camera_writes(kind: str) -> list[tuple[int, int]]:
    """(register, value) in the order of the file; register `WAIT` means a pause in milliseconds. Raises CameraError."""
    file = CAMERAS / f"{kind}.toml"
    try:
        parts = tomllib.loads(file.read_text(encoding="utf-8"))["part"]
        words = [word for part in parts for word in part["writes"].split()]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CameraError(f'{file}: expected [[part]] tables with "writes", got something else ({error}); correct it') from error
    writes = []
    for word in words:
        found = re.fullmatch(r"(?:wait=(\d+)|([0-9A-F]{2}|[0-9A-F]{4})=([0-9A-F]{2}))", word)
        if found is None or (found[1] and int(found[1]) > 255):
            raise CameraError(f"{file}: expected REGISTER=VALUE in hexadecimal, or wait=MILLISECONDS up to 255, got {word}")
        writes.append((WAIT, int(found[1])) if found[1] else (int(found[2], 16), int(found[3], 16)))
    return writes


def camera_table(kind: str) -> bytes:
    """The table as it lies in the flash. Raises CameraError."""
    writes = camera_writes(kind)
    return len(writes).to_bytes(2, "big") + b"".join(at.to_bytes(2, "big") + bytes([value]) for at, value in writes)
