"""The words that pages and code may not use: none is left, and each rule finds what it is for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = ROOT / "docs" / "site" / "check_words.py"


def check(root: Path) -> list[str]:
    """What the check prints for the tree below `root`, a copy of it lying at the same place there."""
    script = root / CHECK.relative_to(ROOT)
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(CHECK.read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    lines = done.stdout.split("\n")[:-1] if done.stdout.strip() else []
    assert (done.returncode, done.stderr) == (1 if lines else 0, "")
    return lines


def test_no_such_word_is_left() -> None:
    done = subprocess.run([sys.executable, str(CHECK)], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("30 frames a second", "frames a second"),
        ("the test images were looked at once", "looked at once"),
        ("every rung of it", "rung"),
        ("30 frames per second, one of a pixel", ""),
    ],
)
def test_rules(line: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"{line}\n")
    printed = check(tmp_path)
    assert [re.findall(r"'(.*)'", each)[0] for each in printed] == ([found] if found else [])
