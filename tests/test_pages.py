"""The Markdown pages: every link leads to a file or a heading that is there, and every page is reached from the README."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for folder in ("docker", "docs", "export", "hw", "models", "toolchain") for page in (ROOT / folder).rglob("*.md")),
    ]
)
ELSEWHERE = ("http://", "https://", "mailto:")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def without_code(text: str) -> str:
    """The page without its code, in which brackets are no links."""
    text = re.sub(r"^(```+).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures that lie in this repository."""
    found = re.findall(r"\]\(([^()\s]+)\)", without_code(page.read_text(encoding="utf-8")))
    return [target for target in found if not target.startswith(ELSEWHERE)]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings: lower case, hyphens for spaces, no punctuation, a number where repeated."""
    text = re.sub(r"^(```+).*?^\1$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    made: Counter[str] = Counter()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        made[re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")] += 1
    return {anchor if not number else f"{anchor}-{number}" for anchor, count in made.items() for number in range(count)}


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    wrong = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and (target.suffix != ".md" or anchor not in anchors(target))):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    lines = [
        "# A `b`, c",
        "[x](#a-b-c) [x](#a-b) ![x](none.png) [x](page.md#a-b-c) [x](page.md#d)",
        "`[x](code.md)`",
        "```",
        "# d",
        "```",
    ]
    page.write_text("\n".join(lines))
    assert broken(page) == ["#a-b", "none.png", "page.md#d"]


def test_every_page_is_reached_from_the_readme() -> None:
    """By links to it, or to a folder that it lies in."""
    reached: set[Path] = set()
    found = {ROOT / "README.md"}
    while found:
        page = found.pop()
        reached.add(page)
        targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
        found |= {other for other in PAGES for target in targets if other.is_relative_to(target)} - reached
    assert [name_of(page) for page in PAGES if page not in reached] == []
