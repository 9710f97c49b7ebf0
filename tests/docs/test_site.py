"""The documentation's site: it builds without a warning, has every command, and answers common questions within two clicks."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from owlbit.toolchain.cli.app import app

ROOT = Path(__file__).resolve().parents[2]

# What a reader looks for, and a phrase of the page that answers it.
TASKS = {
    "the exact order of bits in a flash word": "Slot of a pass: where four filters go",
    "train with an optimiser of my own": "torch.optim.Adam(net.parameters()",
    "read scores on a microcontroller": "16-bit two's complement, class 0 first, low byte first",
    "train on my own pictures": "One folder per class, with any number of pictures in each",
    "what each key of a recipe may be": "initial learning rate; it falls to zero along a cosine",
    "why my QONNX file is refused": "the first layer multiplies 8-bit pixels",
    "what SPRAM means": "four blocks of 256 kbit",
    "which bits an image becomes": "Bit t of a pixel is 1 where the pixel is at least threshold t",
    "every option of a command": "owlbit simulate [OPTIONS] {MODEL}",
    "what learned thresholds are worth": "Differences along encoding",
    "how to cite": "How do I cite it?",
    "build for an AMD part": "finn-plus 1.6.1",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return folder


def words_of(page: Path) -> str:
    """The text of a page without its tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def links_of(page: Path) -> set[Path]:
    """The pages of the site that the text of a page links to."""
    text = page.read_text(encoding="utf-8").partition("<article")[2].partition("</article>")[0]
    found = re.findall(r'href="([^"#?]+\.html)', text)
    targets = {(page.parent / link).resolve() for link in found if ":" not in link}
    return {target for target in targets if target.is_file()}


def clicks_from(start: Path) -> dict[Path, tuple[Path, ...]]:
    """The pages up to two clicks away, nearest first, each with the pages that a reader passes to get there, itself included.

    The menu of the site does not count: only links in the text of a page.
    """
    paths: dict[Path, tuple[Path, ...]] = {start: (start,)}
    for _ in range(2):
        for page, path in list(paths.items()):
            for target in sorted(links_of(page)):
                paths.setdefault(target, (*path, target))
    return paths


def test_answers_are_two_clicks_away(site: Path) -> None:
    paths = clicks_from(site / "index.html")
    texts = {page: words_of(page) for page in paths}
    answers = {task: next((paths[page] for page in paths if phrase in texts[page]), None) for task, phrase in TASKS.items()}
    for task, path in answers.items():  # shown by pytest -s
        print(f"{task}: {' > '.join(page.relative_to(site).as_posix() for page in path) if path else 'not found'}")
    assert [task for task, path in answers.items() if path is None] == []


def commands(command: object, path: str) -> Iterator[str]:
    """The words of every command, groups included."""
    yield path
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from commands(child, f"{path} {name}")


def test_every_command_is_in_the_reference(site: Path) -> None:
    text = (site / "commands.html").read_text(encoding="utf-8")
    headings = {html.unescape(re.sub(r"<[^>]+>.*", "", heading)) for heading in re.findall(r"<h2[^>]*>(.*?)</h2>", text)}
    assert headings == set(commands(typer.main.get_command(app), "owlbit"))


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1200


def test_the_glossary_has_forty_terms() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    terms = [row.strip().lower() for row in rows[1:]]
    assert len(terms) >= 40
    assert terms == sorted(terms)


@pytest.mark.slow
def test_notebooks_run() -> None:
    command = [sys.executable, str(ROOT / "docs" / "site" / "run_notebooks.py"), "--check"]
    assert subprocess.run(command, cwd=ROOT).returncode == 0
