"""The examples of CONTRIBUTING.md work: applied to a copy of this tree, their tests fail before the change and pass after it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
TREE = ("export", "hw", "models", "toolchain", "owlbit", "tests", "docs", "pyproject.toml")
TITLES = ("A graph pass", "A key of a recipe", "A backend of the verification")


@dataclass(frozen=True)
class Example:
    """One example of the page: new files by path, edits as unified diffs, and the commands that test it."""

    title: str
    files: dict[str, str]
    edits: list[str]
    commands: list[list[str]]


def examples() -> dict[str, Example]:
    page = PAGE.read_text(encoding="utf-8")
    chapter = page.split("\n## Three first changes\n")[1].split("\n## ")[0]
    return {example.title: example for example in map(read_example, chapter.split("\n### ")[1:])}


def read_example(section: str) -> Example:
    title = section.splitlines()[0]
    files = dict(re.findall(r"^New file `([^`]+)`:\n\n```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    edits = re.findall(r"^```diff\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    shell = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line) for block in shell for line in block.splitlines()]
    blocks = len(re.findall("^```", section, re.MULTILINE)) // 2
    assert blocks == len(files) + len(edits) + len(shell), f"{title}: a block that is no new file, edit or command"
    return Example(title, files, edits, commands)


def copy_tree(folder: Path) -> None:
    for name in TREE:
        source = ROOT / name
        if source.is_file():
            shutil.copy(source, folder / name)
        else:
            shutil.copytree(source, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))


def write_files(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        assert not (folder / name).exists(), f"{name} is not new"
        (folder / name).write_text(text, encoding="utf-8")


def as_here(command: list[str]) -> list[str]:
    """A command of the page with the Python that runs the tests."""
    begin = {".venv/bin/python": [sys.executable], ".venv/bin/owlbit": [sys.executable, "-m", "owlbit.toolchain"]}
    return [*begin[command[0]], *command[1:]]


def run(command: list[str], folder: Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(folder)}, check=False
    )


def test_every_example_is_tested() -> None:
    assert tuple(examples()) == TITLES


SLOW = {"A key of a recipe"}  # trains


@pytest.mark.parametrize("title", [pytest.param(each, marks=[pytest.mark.slow] * (each in SLOW)) for each in TITLES])
def test_example(title: str, tmp_path: Path) -> None:
    example = examples()[title]
    tests = {name: text for name, text in example.files.items() if name.startswith("tests/")}
    code = {name: text for name, text in example.files.items() if name not in tests}
    assert tests and example.edits and example.commands
    copy_tree(tmp_path)
    where = run([sys.executable, "-c", "import owlbit.export; print(owlbit.export.__file__)"], tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(tmp_path), "the copy is not what is tested"

    write_files(tmp_path, tests)
    (test,) = [command for command in example.commands if command[:3] == [".venv/bin/python", "-m", "pytest"]]
    before = run([*as_here(test), "-x"], tmp_path)
    assert before.returncode in (1, 2), before.stdout + before.stderr  # a test fails, or its imports do

    write_files(tmp_path, code)
    for edit in example.edits:
        applied = run(["git", "apply", "--recount", "-C1", "-"], tmp_path, edit)
        assert applied.returncode == 0, applied.stderr
    for command in example.commands:
        after = run(as_here(command), tmp_path)
        assert after.returncode == 0, after.stdout + after.stderr
    changed = [*example.files, *(name for edit in example.edits for name in re.findall(r"^\+\+\+ b/(.+)$", edit, re.MULTILINE))]
    for check in (["check"], ["format", "--check"]):
        linted = run([sys.executable, "-m", "ruff", *check, "--no-cache", *changed], tmp_path)
        assert linted.returncode == 0, linted.stdout + linted.stderr
