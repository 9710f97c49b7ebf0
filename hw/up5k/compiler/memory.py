"""Places the program and the activation maps in the 16,384 words of SPRAM.

The program (descriptors, thresholds, weights) lies at the bottom, the encoded frame at the top. Maps take turns at the two ends of
what is left, since only the map being read and the one being written are alive. Where there is room the frame keeps its place to
itself, and the next frame is taken in while the rest of the network still works on this one.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from owlbit.hw.up5k.compiler.legality import MEMORY_WORDS, PROGRAM_WORDS, refuse


@dataclass(frozen=True)
class Placement:
    """`maps`: first word of the frame and of every stage's output but the last; `early`: the frame has a place of its own."""

    maps: tuple[int, ...]
    early: bool


def place_maps(program: int, sizes: list[int]) -> Placement:
    """`program` words at the bottom, then maps of `sizes` words, the frame first.

    Raises Up5kError saying how many words are missing.
    """
    if program > PROGRAM_WORDS:
        raise refuse(
            f"weights and descriptors take {program} words of 64 bits, {program - PROGRAM_WORDS} too many; "
            f"{PROGRAM_WORDS} fit ({(program - PROGRAM_WORDS) * 64 / 1000:.0f} kbit over)"
        )
    room = MEMORY_WORDS - program
    for early in (True, False):
        end = MEMORY_WORDS - (sizes[0] if early else 0)
        if _widest_pair(sizes[1:] if early else sizes) <= end - program:
            places = [program if index % 2 == 0 else end - size for index, size in enumerate(sizes[1:])]
            return Placement((MEMORY_WORDS - sizes[0], *places), early)
    need = _widest_pair(sizes)
    raise refuse(
        f"program and maps take {program + need} words of 64 bits (program {program}, the largest two neighbouring maps {need}), "
        f"{need - room} too many; {MEMORY_WORDS} fit ({(need - room) * 64 / 1000:.0f} kbit over)"
    )


def _widest_pair(sizes: list[int]) -> int:
    """Words of the largest two neighbouring maps; of the only map, where there is one."""
    return max((a + b for a, b in itertools.pairwise([*sizes, 0])), default=0)
