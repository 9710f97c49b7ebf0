"""Lays out a training for a machine without network, in parts of a size that can be carried there.

Part folders OUT/1, OUT/2, ... hold, to be copied into one folder of the other machine:

SET-0000.webp ...  the images to train on, lossless pages of tiles; test images stay behind
SET-labels.npz     their labels and class names
NAME.toml          the recipes, with paths as they are there
*.whl              owlbit, and the packages that it imports beside torch
plan.json, there.py
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from PIL import Image

from owlbit.export.errors import OwlbitError
from owlbit.export.files import filling
from owlbit.export.settings import SettingError
from owlbit.toolchain.data.dataset import Labelled
from owlbit.toolchain.data.load_dataset import read_images
from owlbit.toolchain.recipes.data import SIDES, Data
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.zoo_folder import PREFIX

PLAN, SCRIPT = "plan.json", "there.py"
PAGE_SIDE = 1280  # pixels of a page at most, one tile at least
# What `owlbit train --minutes` imports that a machine with torch, numpy, Pillow and rich often lacks.
WHEELS = (
    "annotated-doc",
    "annotated-types",
    "pooch",
    "platformdirs",
    "pydantic",
    "pydantic-core",
    "shellingham",
    "tomli-w",
    "typer",
    "typing-inspection",
)
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


@dataclass(frozen=True)
class Packed:
    """`parts`: (folder, bytes) in order; `recipes`: the names that there.py wants minutes for."""

    parts: tuple[tuple[Path, int], ...]
    recipes: tuple[str, ...]


def pack_training(
    recipes: Sequence[Recipe],
    out: Path,
    part_bytes: int = 58_000_000,
    *,
    python: str = "3.12",
    wheels: Sequence[str] = WHEELS,
    options: Sequence[str] = (),
    progress: Callable[[str], None] = lambda line: None,
) -> Packed:
    """Packs what `recipes`, trained in this order, need into the new folder `out`.

    A recipe may be taught by, or begin with, the run of an earlier one, at runs/NAME there as here. `python`: of the other machine,
    for the `wheels` to download, none for no download; `options`: of `owlbit train` there. Raises OwlbitError where a recipe needs
    what is not packed, a file is larger than a part, or pip fails; `out` then does not appear.
    """
    if out.exists():
        raise OwlbitError(f"{out}: expected no such folder yet; remove it or choose another name")
    names = [recipe.path.stem for recipe in recipes]
    if len(set(names)) < len(names):
        raise OwlbitError(f"expected recipes of different names, got {', '.join(names)}")
    with filling(out, f"1/{PLAN}") as folder, tempfile.TemporaryDirectory() as scratch:
        store, sets = Path(scratch), dict[str, Any]()
        for index, recipe in enumerate(recipes):
            keys = []
            for data in (recipe.data, *_extra(recipe.data)):
                key = _set_name(data)
                keys.append(key)
                if key not in sets:
                    progress(f"packing the images of {recipe.path.name}: {data.source}")
                    found = read_images(data, recipe.path.parent)
                    pages = _write_pages(found.train, found.class_names, store, key)
                    sets[key] = {"size": list(data.size), "colours": data.colours, "pages": pages}
            (store / f"{names[index]}.toml").write_text(tomli_w.dumps(_moved(recipe, keys, names[:index])), encoding="utf-8")
        plan = {"recipes": names, "sets": sets, "options": list(options)}
        (store / PLAN).write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")
        shutil.copy(Path(__file__).with_name(SCRIPT), store / SCRIPT)
        progress("packing owlbit and what it imports")
        _wheels(store, python, wheels)
        parts = _spread(store, folder, part_bytes)
    return Packed(tuple((out / name, size) for name, size in parts), tuple(names))


def _extra(data: Data) -> list[Data]:
    """The additional images of `data`, if any, as their own set has them: they are fitted to the others there."""
    extra = data.extra
    return [] if extra is None else [Data(extra.source, SIDES.get(extra.source, data.size), extra.path, data.colour)]


def _set_name(data: Data) -> str:
    """One name for recipes that read the same images in the same way."""
    facts = repr((data.source, data.path, data.size, data.colour, data.groups))
    return f"images-{data.source}-{hashlib.sha256(facts.encode()).hexdigest()[:8]}"


def _write_pages(labelled: Labelled, class_names: Sequence[str], store: Path, name: str) -> int:
    """Writes the pages and labels of one set; the number of pages."""
    count, colours, height, width = labelled.images.shape
    columns, rows = max(1, PAGE_SIDE // width), max(1, PAGE_SIDE // height)
    pages: int = math.ceil(count / (rows * columns))
    for number in range(pages):
        tiles = labelled.images[number * rows * columns : (number + 1) * rows * columns]
        grid = np.zeros((rows * columns, colours, height, width), np.uint8)
        grid[: len(tiles)] = tiles
        page = (
            grid.reshape(rows, columns, colours, height, width).transpose(0, 3, 1, 4, 2).reshape(rows * height, columns * width, -1)
        )
        Image.fromarray(page[..., 0] if colours == 1 else page).save(store / f"{name}-{number:04}.webp", lossless=True)
    np.savez_compressed(store / f"{name}-labels.npz", labels=labelled.labels, class_names=np.array(class_names))
    return pages


def _moved(recipe: Recipe, keys: Sequence[str], earlier: Sequence[str]) -> dict[str, Any]:
    """The tables of `recipe` with its paths as they are on the other machine; `keys`: its set of images, and its additional one."""
    table = tomllib.loads(recipe.text)
    data = {name: value for name, value in table["data"].items() if name not in ("path", "groups", "test")}
    table["data"] = {**data, "source": "npz", "path": f"../{keys[0]}.npz"}
    if "extra" in data:
        table["data"]["extra"] = {**data["extra"], "source": "npz", "path": f"../{keys[1]}.npz"}
    for header, name in (("distillation", "teacher"), ("training", "from_run")):
        given = table.get(header, {}).get(name, "")
        if given in ("", "float") or given.startswith(PREFIX):
            continue
        run = Path(given).name
        if run not in earlier:
            packed = ", ".join(earlier) or "none"
            raise SettingError(
                recipe.path, f"{header}.{name}", f"the run of a recipe that is packed before this one ({packed})", given
            )
        table[header] = {**table[header], name: f"../runs/{run}"}
    return table


def _wheels(store: Path, python: str, wheels: Sequence[str]) -> None:
    root = Path(__file__).resolve().parents[3]
    if not (root / "pyproject.toml").is_file():
        raise OwlbitError(f"{root}: expected a checkout of owlbit, from which its wheel is made, found none; pack from a checkout")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(store), str(root)], "make owlbit's wheel")
    if wheels:
        platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
        pinned = [f"{name}=={importlib.metadata.version(name)}" for name in wheels]
        download = [
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--implementation",
            "cp",
            "--python-version",
            python,
            *platforms,
        ]
        _run([*pip, *download, "--dest", str(store), *pinned], f"download wheels for Python {python}")


def _run(command: Sequence[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise OwlbitError(f"expected pip to {what}, but it failed: {last}")


def _spread(store: Path, folder: Path, part_bytes: int) -> list[tuple[str, int]]:
    """Moves the files of `store` into folders 1, 2, ... of at most `part_bytes`; what is needed first lies in the first."""
    files = sorted(store.iterdir(), key=lambda file: (file.suffix == ".webp", file.name))
    parts = [("1", 0)]
    for file in files:
        size = file.stat().st_size
        if size > part_bytes:
            raise OwlbitError(f"{file.name}: expected files of at most {part_bytes:,} bytes, got {size:,}; allow larger parts")
        if parts[-1][1] + size > part_bytes:
            parts.append((str(len(parts) + 1), 0))
        name, before = parts[-1]
        (folder / name).mkdir(exist_ok=True)
        shutil.move(file, folder / name / file.name)
        parts[-1] = (name, before + size)
    return parts
