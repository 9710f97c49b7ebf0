"""Damage to TOML: values of another kind, keys that nobody knows, numbers out of every range, and text that is no TOML."""

from __future__ import annotations

import re

from fuzz_bytes import Draw, mutate_bytes

VALUES = (
    *("0", "-1", "1e308", "-1e308", "1e-320", "nan", "inf", "-inf", "true", '""', "[]", "{}", "[[]]", "1979-05-27"),
    *("9223372036854775807", "-9223372036854775808", "9" * 400, "9" * 4301, "0x" + "f" * 5000, '"' + "x" * 5000 + '"'),
    *("[" * 30 + "]" * 30, "[" * 3000 + "]" * 3000, "{a=" * 30 + "1" + "}" * 30, '"\\u0000"', '"\\U0010FFFF"', '"../../.."'),
    *("[1, 1]", "[0, 0]", "[-1, 5]", "[1.5, 2]", '["a", "b"]', "[1024, 1024]", "[9999999999, 4]", "65536", "0.5", "1_0"),
)
KEYS = (
    "a",
    "x" * 300,
    '""',
    '"a b"',
    "a.b.c",
    ".".join(["a"] * 199),
    ".".join(["a"] * 3000),
    '"\\u001b[31m"',
    "kind",
    "name",
    "extends",
)


def mutate_toml(text: bytes, draw: Draw) -> bytes:
    """The TOML file `text` with some lines changed, or some bytes."""
    if draw.random() < 0.2:
        return mutate_bytes(text, draw)
    lines = text.decode().split("\n")
    for _ in range(int(draw.integers(1, 4))):
        at = int(draw.integers(len(lines)))
        what = int(draw.integers(7))
        value, key = VALUES[int(draw.integers(len(VALUES)))], KEYS[int(draw.integers(len(KEYS)))]
        if what <= 2 and "=" in lines[at]:  # another value
            lines[at] = lines[at].partition("=")[0] + "= " + value
        elif what == 3 and "=" in lines[at]:  # another key
            lines[at] = f"{key} = " + lines[at].partition("=")[2]
        elif what == 4:  # left out
            del lines[at]
            lines = lines or [""]
        elif what == 5:  # put in
            lines.insert(at, draw.choice([f"{key} = {value}", f"[{key}]", f"[[{key}]]", lines[int(draw.integers(len(lines)))]]))
        else:  # a number elsewhere in the line
            lines[at] = value.join(re.split(r"\d+(?:\.\d+)?", lines[at], maxsplit=1))
    return "\n".join(lines).encode()
