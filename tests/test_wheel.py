"""The wheel at work: installed where nothing knows of a checkout, run beside folders that have our packages' names.

The fast test borrows this environment's packages. The slow ones let pip fetch what the wheel asks for, for each Python that owlbit
supports and this machine has, and look for differences between them: all give the same flash image and the same scores.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import owlbit
from installing import PACKAGES, ROOT, borrowing_environment, clean_environment, find_python, install, working_folder
from owlbit.hw.reference import simulate
from owlbit.toolchain.data.digits import held_out_frames

VERSIONS = ("3.11", "3.12", "3.13")


class Installed:
    """An environment with the wheel, and an empty working folder but for foreign packages."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.bin = python.parent
        ask = [str(python), "-c", "import platform; print(platform.python_version())"]
        self.version = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
        self.folder = working_folder(folder)
        self.environment = clean_environment(folder.parent / "cache")

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of the environment in the working folder."""
        program = [str(self.bin / command[0]), *command[1:]]
        return subprocess.run(program, cwd=self.folder, env=self.environment, capture_output=True, text=True)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of the environment in the working folder; it must succeed."""
        done = self.ask(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def use(self) -> tuple[str, bytes]:
        """Goes through the commands that need no torch; the digest of the flash image, and the scores of some images."""
        where = self.run("python", "-c", "import owlbit, os; print(os.path.realpath(owlbit.__file__))").stdout.strip()
        assert where.startswith(str(self.bin.parent.resolve())) and not where.startswith(str(ROOT))
        shown = self.run("owlbit", "--version").stdout
        assert shown.startswith(f"owlbit {importlib.metadata.version('owlbit')}, Python {self.version}")
        assert "digits" in self.run("owlbit", "zoo").stdout
        self.run("owlbit", "build", "zoo:digits", "--out", "build")
        np.save(self.folder / "images.npy", some_images())
        self.run("owlbit", "simulate", "build", "--images", "images.npy", "--scores", "scores.npy")
        assert "5 frames" in self.run("owlbit", "sense", "--headless", "--frames", "5").stderr
        digest = hashlib.sha256((self.folder / "build" / "flash.bin").read_bytes()).hexdigest()
        return digest, np.load(self.folder / "scores.npy", allow_pickle=False).tobytes()


@functools.cache
def some_images() -> NDArray[np.uint8]:
    return held_out_frames((16, 16)).images[:20]


@functools.cache
def expected() -> tuple[str, bytes]:
    """What `Installed.use` returns where all is well, by this checkout's own functions."""
    network = owlbit.load("zoo:digits")
    with tempfile.TemporaryDirectory() as folder:
        flash = (owlbit.build("zoo:digits", Path(folder) / "build") / "flash.bin").read_bytes()
    return hashlib.sha256(flash).hexdigest(), simulate(network, some_images()).tobytes()


def test_the_wheel_runs_outside_the_checkout_beside_foreign_packages(wheel: Path, tmp_path: Path) -> None:
    python = borrowing_environment(tmp_path / "environment")
    done = install(python, "--no-index", "--no-deps", str(wheel))
    assert done.returncode == 0, done.stderr
    assert Installed(python, tmp_path / "work").use() == expected()


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_each_python_installs_the_wheels_dependencies_and_gives_the_same_integers(
    version: str, wheel: Path, tmp_path: Path
) -> None:
    if (found := find_python(version)) is None:
        pytest.skip(f"no Python {version} with its venv module on this machine")
    subprocess.run([found, "-m", "venv", "--without-pip", str(tmp_path / "environment")], check=True)
    python = tmp_path / "environment" / "bin" / "python"
    done = install(python, str(wheel))
    if done.returncode and "No matching distribution found for" in done.stderr and not reaches_an_index():
        pytest.skip("pip reaches no package index")
    assert done.returncode == 0, done.stderr
    installed = Installed(python, tmp_path / "work")
    assert installed.use() == expected()
    finn = installed.ask("owlbit", "build", "zoo:digits", "--target", "finn:xc7z020clg400-1")
    assert finn.returncode == 2
    assert ("needs Python 3.11, this is" if version != "3.11" else "it is not installed") in finn.stderr


def reaches_an_index() -> bool:
    """Whether pip finds a package that any index has."""
    ask = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--dest"]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([*ask, folder, "packaging"], capture_output=True).returncode == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_every_file_compiles_without_warnings(version: str) -> None:
    """Newer Pythons warn of what older ones take, as of escape sequences, and take what older ones refuse."""
    if (found := find_python(version)) is None:
        pytest.skip(f"no Python {version} with its venv module on this machine")
    script = """
import sys, warnings
from pathlib import Path
warnings.simplefilter("error")
count = 0
for folder in sys.argv[1:]:
    for path in Path(folder).rglob("*.py"):
        compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True)
        count += 1
print(count)
"""
    folders = [str(ROOT / name) for name in (*PACKAGES, "owlbit", "tests")]
    done = subprocess.run([found, "-I", "-c", script, *folders], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 200
