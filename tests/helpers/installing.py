"""What the tests of installs share: building a wheel, other Pythons of this machine, and environments that know no checkout."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("export", "hw", "models", "toolchain")


def build(kind: str, project: Path, out: Path) -> Path:
    """Builds `kind`, "wheel" or "sdist", of the project in the folder `project` into `out` and returns the file."""
    out.mkdir()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)], cwd=project, check=True, capture_output=True
    )
    return next(out.iterdir())


@functools.cache
def find_python(version: str) -> str | None:
    """A Python of `version`, as "3.12", on the path or installed by pyenv; None where there is none."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    places = [sys.executable, shutil.which(f"python{version}"), *map(str, sorted(versions.glob(f"{version}.*/bin/python")))]
    for python in filter(None, places):
        ask = [python, "-c", "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2], sys.executable)"]
        done = subprocess.run(ask, capture_output=True, text=True)  # a pyenv shim of a version that is not chosen fails
        found, _, program = done.stdout.strip().partition(" ")
        if done.returncode == 0 and found == version:
            return program  # not the shim, which runs in the environment of its user alone
    return None


def borrowing_environment(folder: Path) -> Path:
    """The Python of a new environment in `folder`, which sees the packages of this one but not its editable installs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    # A folder that a .pth file names comes onto the path, while .pth files in that folder are not read.
    borrowed = [place for place in sys.path if Path(place).name in ("site-packages", "dist-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n", encoding="utf-8")
    return folder / "bin" / "python"


def install(python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """pip install of `words` for another `python`, by this environment's pip."""
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *words]
    return subprocess.run(command, capture_output=True, text=True)


def working_folder(folder: Path) -> Path:
    """A new folder with packages of other people's that have the names of our four, and fail when they are imported."""
    folder.mkdir()
    for package in PACKAGES:
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text("raise RuntimeError('not the package that was meant')\n", encoding="utf-8")
    return folder


def clean_environment(cache: Path) -> dict[str, str]:
    """The environment variables of a process that may know nothing of this checkout; what it compiles goes to `cache`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return {**kept, "COLUMNS": "200", "NUMBA_CACHE_DIR": str(cache), "OWLBIT_CACHE": str(cache)}
