"""The pages of the site that hold the Python reference: one per package, written by mkdocstrings from the docstrings."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What users of the Python API, and people who add a layer or a target, look up. The rest is internal.
PACKAGES = {
    "owlbit": "The Python API",
    "owlbit.export": "Networks and QONNX files",
    "owlbit.models.layers": "Layers to train",
    "owlbit.models.networks": "Networks to train",
    "owlbit.models.pruning": "Pruning",
    "owlbit.models.costs": "Costs of PyTorch networks",
    "owlbit.hw": "Reference and verification",
    "owlbit.hw.fast": "The fast simulator",
    "owlbit.hw.up5k": "The UP5K engine",
    "owlbit.hw.up5k.compiler": "The UP5K compiler",
    "owlbit.toolchain.data": "Images and data sets",
    "owlbit.toolchain.recipes": "Recipes",
    "owlbit.toolchain.runs": "Run folders",
    "owlbit.toolchain.deploy": "Export, build, simulate, verify",
}


def modules(package: str) -> list[str]:
    """The public modules of a package, itself first where it has functions of its own."""
    folder = ROOT / package.replace(".", "/")
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    return [package, *(f"{package}.{name}" for name in names)] if package == "owlbit" else [f"{package}.{name}" for name in names]


def api_pages() -> dict[str, str]:
    """Markdown by file name: reference/PACKAGE.md, and reference/index.md with all of them."""
    pages = {}
    rows = []
    for package, title in PACKAGES.items():
        body = "\n".join(f"::: {module}\n" for module in modules(package))
        pages[f"reference/{package}.md"] = f"# {title}\n\nPackage `{package}`.\n\n{body}"
        rows.append(f"| [{title}]({package}.md) | `{package}` | {len(modules(package))} |")
    head = "# Python reference\n\nWritten from the docstrings. [owlbit in Python](../python.md) is the guide.\n\n"
    table = "\n".join(["| page | package | modules |", "|---|---|---|", *rows, ""])
    return {"reference/index.md": head + table, **pages}
