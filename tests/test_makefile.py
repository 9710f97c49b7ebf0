"""The Makefile: which Python it takes, where its environment goes, and that `make help` knows every target."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from installing import ROOT, find_python

MAKE = shutil.which("make")
BROKEN = None  # a name on the path that does not run, as pyenv has for versions that are not chosen


def run_make(folder: Path, programs: Mapping[str, str | None], *words: str) -> subprocess.CompletedProcess[str]:
    """Runs make on a copy of the Makefile in `folder`, where the path has nothing but `programs`: version by name."""
    if MAKE is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / "path").mkdir()
    for name, version in programs.items():
        python = find_python(version) if version else "false"
        if python is None:
            pytest.skip(f"no Python {version} with its venv module on this machine")
        (folder / "path" / name).write_text(f'#!/bin/sh\nexec {python} "$@"\n', encoding="utf-8")
        (folder / "path" / name).chmod(0o755)
    environment = {"PATH": str(folder / "path"), "HOME": str(folder)}
    return subprocess.run([MAKE, *words], cwd=folder, env=environment, capture_output=True, text=True)


def version_in(environment: Path) -> str:
    ask = [str(environment / "bin" / "python"), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("programs", "taken"),
    [
        ({"python3.11": "3.11", "python3.12": "3.12", "python3.13": "3.13"}, "python3.11"),
        ({"python3.11": BROKEN, "python3.12": "3.12", "python3.13": "3.13", "python3": "3.11"}, "python3.13"),
        ({"python3.12": "3.12"}, "python3.12"),
        ({"python3.13": BROKEN, "python3": "3.12"}, "python3"),
    ],
)
def test_it_takes_the_first_python_that_runs(tmp_path: Path, programs: dict[str, str | None], taken: str) -> None:
    done = run_make(tmp_path, programs, ".venv/bin/pip")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"owlbit: making .venv with {taken}\n"
    assert version_in(tmp_path / ".venv") == programs[taken]


def test_a_python_that_is_named_has_an_environment_of_its_own(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    programs: dict[str, str | None] = {"python3.11": "3.11", "python3.13": "3.13"}
    done = run_make(tmp_path, programs, "PYTHON=python3.13", ".venv-3.13/bin/pip")
    assert done.returncode == 0, done.stderr
    assert version_in(tmp_path / ".venv-3.13") == "3.13"
    assert list((tmp_path / ".venv").iterdir()) == []
    shown = subprocess.run(
        ["make", "--dry-run", f"PYTHON={find_python('3.13')}", "test"], cwd=tmp_path, capture_output=True, text=True
    )
    assert ".venv-3.13/bin/python -m pytest" in shown.stdout and ".venv/bin" not in shown.stdout


@pytest.mark.parametrize(
    ("programs", "words"),
    [({}, []), ({"python3.11": BROKEN, "python3": BROKEN}, []), ({"python3.11": "3.11"}, ["PYTHON=python3.99"])],
)
def test_no_python_is_one_message(tmp_path: Path, programs: dict[str, str | None], words: list[str]) -> None:
    done = run_make(tmp_path, programs, *words, "test")
    assert done.returncode == 2
    assert "owlbit: expected Python 3.11, 3.12 or 3.13 with its venv module" in done.stderr
    assert not list(tmp_path.glob(".venv*"))


def test_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert sorted(re.findall(r"^make ([\w-]+) ", done.stdout, re.MULTILINE)) == sorted(set(phony.split()) - {"help"})
