"""What is installed: the wheel, the wheel made of the sdist and the editable install hold `owlbit`, whole, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("export", "hw", "models", "toolchain")


def build(kind: str, project: Path, out: Path) -> Path:
    """Builds `kind`, "wheel" or "sdist", of the project in the folder `project` into `out` and returns the file."""
    out.mkdir()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)], cwd=project, check=True, capture_output=True
    )
    return next(out.iterdir())


def names_in(wheel: Path) -> list[str]:
    """What lies in a wheel beside its metadata."""
    with zipfile.ZipFile(wheel) as opened:
        return sorted(name for name in opened.namelist() if ".dist-info/" not in name)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel, and the wheel made of the sdist."""
    folder = tmp_path_factory.mktemp("packaging")
    sdist = build("sdist", ROOT, folder / "sdist")
    with tarfile.open(sdist) as opened:
        opened.extractall(folder / "unpacked", filter="data")
    return build("wheel", ROOT, folder / "wheel"), build("wheel", next((folder / "unpacked").iterdir()), folder / "again")


def test_a_wheel_holds_every_file_of_the_packages_and_nothing_else(wheels: tuple[Path, Path]) -> None:
    files = [f"owlbit/{path.relative_to(ROOT)}" for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    wanted = sorted(["owlbit/__init__.py", "owlbit/py.typed", *(name for name in files if "__pycache__" not in name)])
    for suffix in (".py", ".toml", ".onnx", ".npz", ".json", ".v", ".cpp", ".bin", ".pcf", ".html", ".css", ".js"):
        assert any(name.endswith(suffix) for name in wanted), suffix
    for wheel in wheels:
        assert names_in(wheel) == wanted


def test_the_editable_install_shows_owlbit_alone(tmp_path: Path) -> None:
    script = f"""
import importlib.metadata, importlib.util, owlbit.export, owlbit.models
print([importlib.util.find_spec(name) for name in {PACKAGES}])
files = [path for path in importlib.metadata.files("owlbit") or [] if ".." not in path.parts]
print(*sorted({{path.parts[0].partition("-")[0].partition(".")[0] for path in files}}))
"""
    done = subprocess.run([sys.executable, "-I", "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True)
    specs, tops = done.stdout.splitlines()
    assert str(ROOT) not in specs
    assert set(tops.split()) <= {"owlbit", "_editable_impl_owlbit", "__pycache__"}
