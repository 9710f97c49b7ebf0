"""The hooks of pre-commit are the commands of `make lint`, and they refuse what that refuses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / ".pre-commit-config.yaml"


def test_hooks_are_the_commands_of_make_lint() -> None:
    lint = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nlint: ")[1].split("\n\n")[0]
    commands = re.findall(r"^\t@\$\(BIN\)/(.+)$", lint, re.MULTILINE)
    entries = re.findall(r"^ +entry: \.venv/bin/(.+)$", CONFIG.read_text(encoding="utf-8"), re.MULTILINE)
    assert entries == [command.removesuffix(" .") for command in commands]
    assert len(entries) == 6


@pytest.mark.parametrize(("line", "passes"), [("x = 1\n", True), ("x  =  1\n", False), ("import os\n", False)])
def test_a_commit_is_checked(tmp_path: Path, line: str, passes: bool) -> None:
    """By ruff in a repository of one file; mypy, import-linter and the words look at the whole tree and have tests of their own."""
    for name in (CONFIG, ROOT / "pyproject.toml"):
        shutil.copy(name, tmp_path)
    (tmp_path / "code.py").write_text(line)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "code.py", CONFIG.name, "pyproject.toml"], cwd=tmp_path, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run"],
        cwd=tmp_path,
        env={**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home"), "SKIP": "mypy,import-layers,words"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == passes, done.stdout + done.stderr
    assert re.search(r"^ruff\.*(Passed|Failed)$", done.stdout, re.MULTILINE), done.stdout
