"""Names in the C files: a C identifier made of a network's name, or of what `--name` gives."""

from __future__ import annotations

import re
import unicodedata

# What may not stand alone: keywords of C99 (6.4.1) and C++, and headers that a file of this name would hide.
TAKEN = frozenset(
    """
    auto break case char const continue default do double else enum extern float for goto if inline int long register restrict
    return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false class new
    delete this template namespace public private protected virtual operator try catch throw using friend explicit export
    mutable typename asm and or not xor main assert complex ctype errno fenv inttypes iso646 limits locale math setjmp signal
    stdarg stdbool stddef stdint stdio stdlib string tgmath time wchar wctype
    """.split()  # noqa: SIM905 - a page of quotes is harder to read
)
# Prefixes of the names inside the C files.
INSIDE = ("owl_", "layer_", "owlbit_")
LONGEST = 40  # characters; C99 guarantees 63 of an identifier, and the longest that is made of a name adds 22


def identifier(name: str) -> str:
    """`name` itself where it is a C identifier that can stand before `_run` in the C files, else one in lower case made of it."""
    if _fits(name):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    made = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:LONGEST].rstrip("_")
    return made if _fits(made) else f"network_{made}"[:LONGEST].rstrip("_")


def _fits(name: str) -> bool:
    if not re.fullmatch(rf"[A-Za-z][A-Za-z0-9_]{{0,{LONGEST - 1}}}", name):
        return False
    return name.lower() not in TAKEN and not f"{name.lower()}_".startswith(INSIDE)
