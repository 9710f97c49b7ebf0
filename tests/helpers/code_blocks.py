"""The code blocks of a page of docs/, for the tests that run them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
# A fence with its language and, in a comment or title, what to do with it.
BLOCK = re.compile(r'^(?:<!-- (not tested)[^\n]*-->\n)?```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One code block: `language`, its `text`, the file that it shows (`title`), and whether the page takes it out of the test."""

    language: str
    text: str
    title: str
    skipped: bool


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page, in its order."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Block(language, text, title, bool(skipped)) for skipped, language, title, text in found]
