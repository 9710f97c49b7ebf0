"""Finds words and turns of phrase that a stranger has to guess at; part of `make lint`.

Looks at the pages, and at comments, docstrings and messages in Python files. Prints file, line and what to write instead.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "docker", "export", "hw", "models", "toolchain", "owlbit")
PAGES = ("README.md", "CONTRIBUTING.md")
COUNTED = (
    "accumulates|bits?|BOPs|bytes?|channels|comparators|cycles|entries|epochs|filters|frames|images|inputs|kbit|lines|MACs|maps|"
    "messages|ms|outputs|passes|photons|pixels|planes|reads|rows|scores|seconds|thresholds?|values?|weights?|words"
)
PER = "byte|channel|chip|class|colour|cycle|epoch|filter|frame|group|image|layer|pass|pixel|position|run|second|step|tile|word"
# (what is found, what to write instead)
RULES = [
    (
        re.compile(rf"\b(?:{COUNTED}|[0-9]+|one|two|four|eight) an? (?:{PER})\b(?! (?:or|of|that|which)\b)"),
        '"per" in place of "a"',
    ),
    (re.compile(r"\blooked at once\b|\blook once\b"), '"evaluated once"'),
    (re.compile(r"\b(?:rungs?|ladders?)\b"), '"backend", "verification"'),
    (re.compile(r"\b(?:its|their) like with\b"), 'name the thing, for example "the same network with"'),
    (
        re.compile(r"\bwhat that gave so far\b|\bwhere this was written\b|\bat hand while\b"),
        "say what was measured, or not tried, and where",
    ),
    (re.compile(r"\b(?:a course of|the course of training)\b"), '"the history", "the learning curve"'),
    (re.compile(r"\bas it were\b|\bso to speak\b|\bhenceforth\b|\bthereof\b|\bwherein\b"), "plain words"),
]


def texts() -> Iterator[Path]:
    """Every page and Python file of the project, each once."""
    yield from (ROOT / name for name in PAGES if (ROOT / name).exists())
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".md", ".py", ".html"} and not path.is_symlink() and path != Path(__file__).resolve():
                yield path


def findings(path: Path) -> list[str]:
    """One line of text for each place in a file that breaks a rule."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for pattern, advice in RULES:
            found += [f"{path.relative_to(ROOT)}:{number}: {match[0]!r}: write {advice}" for match in pattern.finditer(line)]
    return found


if __name__ == "__main__":
    everything = [line for path in texts() for line in findings(path)]
    print("\n".join(everything))
    sys.exit(1 if everything else 0)
