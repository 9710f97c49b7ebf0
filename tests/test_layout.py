"""The shape of the repository: where packages come from, who may import whom, what stays light, and how large a file may grow."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "models": {"models"},
    "export": {"export"},
    "hw": {"hw", "export"},
    "toolchain": {"toolchain", "hw", "export", "models"},
}
PACKAGES = sorted(MAY_IMPORT)
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SOURCES = sorted(
    path
    for folder in (*PACKAGES, "tests", "docs", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".v", ".vh", ".sv", ".cpp", ".h", ".toml", ".md", ".svg", ".pcf"} or path.name == "run"
)
TEXTS = [*SOURCES, *(ROOT / name for name in ("README.md", "Makefile", "pyproject.toml"))]
HEAVY = {"torch", "brevitas", "lightning"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    """The top-level packages that a module imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_package_is_this_checkouts_and_this_distributions(package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin == str(ROOT / package / "__init__.py")
    assert set(importlib.metadata.packages_distributions()[package]) == {"owlbit"}


def test_distribution_holds_these_packages_only() -> None:
    assert sorted((importlib.metadata.distribution("owlbit").read_text("top_level.txt") or "").split()) == PACKAGES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0]
    assert set(imported(path)) & set(PACKAGES) <= MAY_IMPORT[own]


@pytest.mark.parametrize("path", [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))], ids=name_of)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_nothing_speaks_of_one_machines_folders() -> None:
    private = re.compile(r"(?<![\w.])/(home|root|work|Users)/\w")
    found = [
        f"{name_of(path)}:{number}"
        for path in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if private.search(line)
    ]
    assert found == []


def modules_after(code: str) -> set[str]:
    """The modules that a fresh Python has loaded after running `code`."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_command_line_starts_light() -> None:
    assert modules_after("import toolchain.cli") & {*HEAVY, "numpy", "onnx", "matplotlib", "sklearn"} == set()


@pytest.mark.parametrize(
    "module",
    [
        "toolchain.build_model",
        "toolchain.simulate_images",
        "toolchain.load_images",
        "toolchain.verify_folder",
        "toolchain.report",
        "toolchain.sensing.loop",
        "toolchain.sensing.monte_carlo_systems",
        "toolchain.sensing.serve",
        "export.load_model",
        "hw.up5k.build",
        "hw.up5k.simulate",
        "hw.fast",
    ],
)
def test_what_runs_beside_a_sensor_does_without_torch(module: str) -> None:
    assert modules_after(f"import {module}") & HEAVY == set()
