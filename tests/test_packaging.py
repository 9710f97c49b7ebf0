"""What is installed: the wheel, the wheel made of the sdist and the editable install hold `owlbit`, whole, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from installing import PACKAGES, ROOT, build


def names_in(wheel: Path) -> list[str]:
    """What lies in a wheel beside its metadata."""
    with zipfile.ZipFile(wheel) as opened:
        return sorted(name for name in opened.namelist() if ".dist-info/" not in name)


def test_a_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    files = [f"owlbit/{path.relative_to(ROOT)}" for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    wanted = sorted(["owlbit/__init__.py", "owlbit/py.typed", *(name for name in files if "__pycache__" not in name)])
    for suffix in (".py", ".toml", ".onnx", ".npz", ".json", ".v", ".cpp", ".bin", ".pcf", ".html", ".css", ".js"):
        assert any(name.endswith(suffix) for name in wanted), suffix
    assert names_in(wheel) == wanted


def test_the_wheel_made_of_the_sdist_is_the_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", ROOT, tmp_path / "sdist")) as opened:
        opened.extractall(tmp_path / "unpacked", filter="data")
    again = build("wheel", next((tmp_path / "unpacked").iterdir()), tmp_path / "again")
    assert again.name == wheel.name
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())
        for name in first.namelist():
            assert first.read(name) == second.read(name), name


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
