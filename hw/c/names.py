"""Names in the C files: what `--name` may be, and a C identifier made of a network's name."""

from __future__ import annotations

import re
import unicodedata

# C99, 6.4.1, and what C++ would not take in a header.
KEYWORDS = frozenset(
    """auto break case char const continue default do double else enum extern float for goto if inline int long register restrict
    return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false class new delete this
    template namespace public private protected virtual operator try catch throw using friend explicit export mutable typename
    asm and or not xor main""".split()  # noqa: SIM905 - a list of words is easier to read
)
LONGEST = 40  # C99 guarantees 63 characters of an identifier, and the longest that is made of a name adds 22


def identifier(name: str) -> str:
    """`name` itself where it is a C identifier in lower case that can stand before `_run`, else one made of it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    made = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:LONGEST].rstrip("_")
    if not made:
        return "network"
    return f"network_{made}"[:LONGEST].rstrip("_") if made[0].isdigit() or made in KEYWORDS or made.startswith("owl_") else made
