"""Numbers and texts as C writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

WIDTH = 110


def wrapped(words: Iterable[str], indent: str = "  ") -> Iterator[str]:
    """Lines of words with a comma behind each."""
    line = indent
    for word in words:
        if len(line) + len(word) + 2 > WIDTH and line != indent:
            yield line.rstrip()
            line = indent
        line += f"{word}, "
    yield line.rstrip()


def hexadecimal(words: NDArray[np.uint32]) -> Iterator[str]:
    """Words of 32 bits as C constants."""
    return (f"0x{word:08x}u" for word in words.tolist())


def quoted(text: str) -> str:
    """A C string of the UTF-8 bytes of `text`; whatever is not plain is an octal escape, which ends after three digits."""
    plain = set(range(32, 127)) - {ord('"'), ord("\\"), ord("?")}
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'
