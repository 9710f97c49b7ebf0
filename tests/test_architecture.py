"""docs/architecture.md is right: its picture has the layers of the contracts, its table every package, and its example runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PICTURE = ROOT / "docs" / "architecture.svg"
SVG = "{http://www.w3.org/2000/svg}"
FOLDERS = ("export", "hw", "models", "toolchain")


def contract(name: str) -> list[set[str]]:
    """The layers of an import-linter contract, the highest first."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (layers,) = [entry["layers"] for entry in contracts if entry["name"] == name]
    return [set(layer.split(" | ")) for layer in layers]


def drawn(inside: str) -> list[set[str]]:
    """The packages drawn that are children of `inside` ("" for the top), as rows from top to bottom; no two rows may overlap."""
    rows: dict[tuple[float, float], set[str]] = {}
    for group in ET.parse(PICTURE).iter(f"{SVG}g"):
        parent, _, name = group.get("data-name", "").rpartition(".")
        box = group.find(f"{SVG}rect")
        if name and parent == inside and box is not None:
            top = float(box.attrib["y"])
            rows.setdefault((top, top + float(box.attrib["height"])), set()).add(name)
    places = sorted(rows)
    assert all(upper[1] <= lower[0] for upper, lower in pairwise(places))
    return [rows[place] for place in places]


def test_the_picture_has_the_layers_of_the_contracts() -> None:
    assert drawn("") == contract("layers of owlbit")
    assert drawn("toolchain") == contract("layers of toolchain")


def test_the_picture_names_files_that_are_there() -> None:
    for group in ET.parse(PICTURE).iter(f"{SVG}g"):
        if group.get("data-name") in FOLDERS and group.get("data-name") != "toolchain":
            says = " ".join(text.text or "" for text in group.iter(f"{SVG}text") if text.get("class") == "say")
            names = re.findall(r"\w+(?:\.py|/)", says)
            assert names
            assert [name for name in names if not (ROOT / str(group.get("data-name")) / name).exists()] == []


def test_every_package_has_its_sentence() -> None:
    table = re.findall(r"^\| `(owlbit[.\w]*)` \| \S", PAGE, re.MULTILINE)
    folders = {path.parent for folder in FOLDERS for path in (ROOT / folder).rglob("__init__.py")}
    packages = {".".join(("owlbit", *folder.relative_to(ROOT).parts)) for folder in folders}
    assert sorted(table) == sorted({"owlbit", *packages})


def test_every_name_is_there() -> None:
    """Modules and folders that stand in backticks; what is linked is checked with the other links."""
    modules = re.findall(r"`owlbit\.([.\w]+)`", PAGE)
    assert [
        name for name in modules if not any((ROOT / name.replace(".", "/")).with_suffix(end).exists() for end in ("", ".py"))
    ] == []
    paths = re.findall(r"`((?:\w+/)+[\w.]*)`", PAGE)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert len(modules) > 20 and len(paths) > 5


def test_the_example_prints_what_the_page_says() -> None:
    (code, expected) = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.DOTALL)[0]
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, expected), done.stderr
