"""The pages of Start and Tutorials: every command and every program in them runs, in the order of the page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
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


# Runs the blocks that it is given as JSON: shell blocks by bash, Python blocks in one namespace, as in one session.
SESSION = """
import json, subprocess, sys
names = {"__name__": "__main__"}
for language, text in json.loads(sys.argv[1]):
    if language == "python":
        exec(compile(text, text, "exec"), names)
    else:
        sys.stdout.flush()
        subprocess.run(["bash", "-euo", "pipefail", "-c", text], check=True)
"""


def run_page(page: Path, folder: Path, instead: dict[str, str] | None = None) -> str:
    """Runs the shell and Python blocks of a page in `folder`, writes the files that it shows, and returns what was printed.

    `instead`: other text for a line of a block.
    """
    session = []
    for block in blocks(page):
        text = "\n".join((instead or {}).get(line, line) for line in block.text.splitlines())
        if block.title:
            (folder / block.title).write_text(text, encoding="utf-8")
        elif block.language in ("sh", "python") and not block.skipped:
            session.append((block.language, text))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-c", SESSION, json.dumps(session)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{page.name}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_start(tmp_path: Path) -> None:
    """`make demo` has a test of its own; the rest runs as it stands."""
    printed = run_page(DOCS / "start.md", tmp_path, {"make demo": ":"})
    assert (tmp_path / "digits_build" / "flash.bin").exists()
    assert "rtl" in printed and "exact" in printed and "differs" not in printed


def test_own_images(tmp_path: Path) -> None:
    """With one epoch; the slow test has them all."""
    printed = run_page(DOCS / "tutorials" / "own_images.md", tmp_path, {"epochs = 10": "epochs = 1"})
    assert "exact" in printed and "differs" not in printed
    assert (tmp_path / "runs/doors/up5k/flash.bin").is_file() and (tmp_path / "runs/doors/report.html").is_file()
    assert np.load(tmp_path / "scores.npy", allow_pickle=False).shape == (200, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["own_images", "brevitas"])
def test_tutorials_as_they_stand(name: str, tmp_path: Path) -> None:
    printed = run_page(DOCS / "tutorials" / f"{name}.md", tmp_path)
    assert "exact" in printed and "differs" not in printed


@pytest.mark.slow
def test_own_design(tmp_path: Path) -> None:
    pytest.importorskip("fusesoc")
    run_page(DOCS / "tutorials" / "own_design.md", tmp_path)
    passed = [path.parent.name for path in tmp_path.glob("build/owlbit*/*/Vowlbit_*") if path.suffix == ""]
    assert sorted(passed) == ["sim", "sim_wishbone"]


@pytest.mark.slow
def test_a_build_for_an_amd_part(tmp_path: Path) -> None:
    """`make finn` is what the tests' own environment was made by."""
    pytest.importorskip("finn")
    printed = run_page(DOCS / "finn.md", tmp_path, {"make finn": ":"})
    assert "finn-hw" in printed and "exact" in printed and "differs" not in printed


def test_a_failing_block_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n")
    with pytest.raises(AssertionError, match="assert x == 2"):
        run_page(page, tmp_path)


def test_blocks_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('<!-- not tested: why -->\n```sh\na\n```\n\n```toml title="b.toml"\nc = 1\n```\n')
    assert blocks(page) == [Block("sh", "a\n", "", True), Block("toml", "c = 1\n", "b.toml", False)]
