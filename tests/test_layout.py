"""The shape of the repository: where packages come from and under which name, what stays light, and how large a file may grow."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("export", "hw", "models", "toolchain")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SOURCES = sorted(
    path
    for folder in (*PACKAGES, "tests", "docs", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".v", ".vh", ".sv", ".cpp", ".h", ".toml", ".md", ".svg", ".pcf"} or path.name == "run"
)
TEXTS = [
    *SOURCES,
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "pyproject.toml", ".pre-commit-config.yaml")
    ),
]
HEAVY = {"torch", "brevitas", "lightning"}
BARE = "|".join(PACKAGES)
BARE_NAME = re.compile(rf"({BARE})(\.[a-z_]\w*)+")
BARE_IMPORT = re.compile(rf"\b(import ({BARE})\b(?!/)|from ({BARE})[.\w]* import\b)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def bare_names(path: Path) -> Iterator[str]:
    """Our packages named without `owlbit.`: in imports, and in strings that are a module's name or hold an import."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in PACKAGES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            if (node.module or "").partition(".")[0] in PACKAGES:
                yield str(node.module)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and (BARE_NAME.fullmatch(node.value) or BARE_IMPORT.search(node.value))
        ):
            yield node.value


def test_the_package_is_this_checkouts() -> None:
    spec = importlib.util.find_spec("owlbit")
    assert spec is not None
    assert spec.origin == str(ROOT / "owlbit" / "__init__.py")


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_relative_links(package: str) -> None:
    assert str((ROOT / "owlbit" / package).readlink()) == f"../{package}"


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_no_package_is_named_without_owlbit(path: Path) -> None:
    if path != Path(__file__).resolve():
        assert list(bare_names(path)) == []


def test_bare_names_are_found(tmp_path: Path) -> None:
    lines = ["import models", "from export.network import x", "a = 'hw.fast.kernels'", "b = 'x; import toolchain.cli'"]
    (tmp_path / "bad.py").write_text("\n".join([*lines, "import owlbit.models", "c = 'owlbit.hw.fast'", "d = 'models/zoo'"]))
    assert len(list(bare_names(tmp_path / "bad.py"))) == 4


def test_no_file_is_imported_under_two_names(tmp_path: Path) -> None:
    """In a process that imports every module of owlbit, and in the one that runs the tests."""
    script = """
import importlib, json, pkgutil, sys
from pathlib import Path
import owlbit
for found in pkgutil.walk_packages(owlbit.__path__, "owlbit."):
    if found.name != "owlbit.toolchain.__main__":
        try:
            importlib.import_module(found.name)
        except ModuleNotFoundError as error:
            if not error.name or error.name.partition(".")[0] == "owlbit":
                raise
named = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
print(json.dumps({name: str(Path(file).resolve()) for name, file in named.items() if file}))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    here = {name: str(Path(file).resolve()) for name, module in sys.modules.items() if (file := getattr(module, "__file__", None))}
    for names in (json.loads(done.stdout.splitlines()[-1]), here):
        folders = [ROOT / name for name in (*PACKAGES, "owlbit", "tests")]  # not .venv, whose packages do as they like
        ours = {name: file for name, file in names.items() if any(Path(file).is_relative_to(folder) for folder in folders)}
        ours.pop("__main__", None)
        assert len(set(ours.values())) == len(ours)
        assert not set(ours) & set(PACKAGES)
        assert all(name.partition(".")[0] == "owlbit" for name, file in ours.items() if Path(file) in MODULES)


def test_imports_keep_to_the_layers() -> None:
    """The contracts of import-linter in pyproject.toml."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
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
    assert (
        modules_after("import owlbit.toolchain.cli.app") & {*HEAVY, "numpy", "onnx", "matplotlib", "pydantic", "sklearn"} == set()
    )


@pytest.mark.parametrize(
    "module",
    [
        "owlbit.toolchain.deploy.build_up5k",
        "owlbit.toolchain.deploy.simulate",
        "owlbit.toolchain.data.user_images",
        "owlbit.toolchain.deploy.verify",
        "owlbit.toolchain.reports.run_report",
        "owlbit.toolchain.sensing.loop",
        "owlbit.toolchain.sensing.monte_carlo.systems",
        "owlbit.toolchain.sensing.server.serve",
        "owlbit.export.load_model",
        "owlbit.hw.up5k.build",
        "owlbit.hw.up5k.simulate",
        "owlbit.hw.fast",
    ],
)
def test_what_runs_beside_a_sensor_does_without_torch(module: str) -> None:
    assert modules_after(f"import {module}") & HEAVY == set()
