"""Places the program and the activation maps in the engine's memory: 16,384 words of SPRAM, on another chip as many or fewer.

The program (descriptors, thresholds, weights) lies at the bottom, the encoded frame at the top. Maps take turns at the two ends of
what is left, since only the map being read and the one being written are alive. Where there is room the frame keeps its place to
itself, and the next frame is taken in while the rest of the network still works on this one.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from owlbit.hw.up5k.compiler.legality import MEMORY_WORDS, refuse


@dataclass(frozen=True)
class Placement:
    """`maps`: first word of the frame and of every stage's output but the last; `early`: the frame has a place of its own."""

    maps: tuple[int, ...]
    early: bool


def place_maps(program: int, sizes: list[int], memory_words: int = MEMORY_WORDS) -> Placement:
    """`program` words at the bottom, then maps of `sizes` words, the frame first.

    memory_words: of the engine. The addresses of a smaller memory than the UP5K's stay those of 16,384 words: the frame ends with
    the last of them, and the memory's last words answer to both. So the frame may take no more words than are missing.
    Raises Up5kError saying how many words are missing.
    """
    most = memory_words - 1  # the length field of the flash image has 14 bits
    if program > most:
        raise refuse(
            f"weights and descriptors take {program} words of 64 bits, {program - most} too many; "
            f"{most} fit ({(program - most) * 64 / 1000:.0f} kbit over)"
        )
    missing = MEMORY_WORDS - memory_words
    if missing and sizes[0] > missing:
        raise refuse(
            f"an encoded frame takes {sizes[0]} words of 64 bits, {sizes[0] - missing} too many; {missing} fit this memory"
        )
    room = memory_words - program
    for early in (True, False):
        end = memory_words - (sizes[0] if early else 0)
        if _widest_pair(sizes[1:] if early else sizes) <= end - program:
            places = [program if index % 2 == 0 else end - size for index, size in enumerate(sizes[1:])]
            return Placement((memory_words - sizes[0], *places), early)
    need = _widest_pair(sizes)
    raise refuse(
        f"program and maps take {program + need} words of 64 bits (program {program}, the largest two neighbouring maps {need}), "
        f"{need - room} too many; {memory_words} fit ({(need - room) * 64 / 1000:.0f} kbit over)"
    )


def _widest_pair(sizes: list[int]) -> int:
    """Words of the largest two neighbouring maps; of the only map, where there is one."""
    return max((a + b for a, b in itertools.pairwise([*sizes, 0])), default=0)
