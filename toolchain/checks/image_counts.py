"""How many images each class of a recipe has for training, validation and test, and of what size the pictures are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from owlbit.toolchain.data.class_folders import split_folders
from owlbit.toolchain.data.dataset import Dataset, Labelled
from owlbit.toolchain.data.image_files import FORMATS
from owlbit.toolchain.data.picture_files import list_pictures
from owlbit.toolchain.recipes.recipe import Recipe

UNEVEN = 10  # times as many images of one class as of another, from which it is told


@dataclass(frozen=True)
class ClassImages:
    """One class: its `name`; how many images for `train`, `validation` and `test`; `sizes`: of the pictures, in words, "" where
    they are not single files."""

    name: str
    train: int
    validation: int
    test: int
    sizes: str = ""


def count_images(recipe: Recipe, dataset: Dataset) -> tuple[ClassImages, ...]:
    """A row per class of `dataset`, which `recipe` describes."""
    classes = len(dataset.class_names)

    def counts(part: Labelled | None) -> list[int]:
        labels = np.zeros(0, np.int64) if part is None else part.labels
        return [int(count) for count in np.bincount(labels, minlength=classes)]

    columns = (counts(dataset.train), counts(dataset.validation), counts(dataset.test))
    plain = recipe.data.source == "folder" and not recipe.data.groups
    sizes = picture_sizes(recipe.path.parent / recipe.data.path, dataset.class_names) if plain else [""] * classes
    return tuple(ClassImages(*row) for row in zip(dataset.class_names, *columns, sizes, strict=True))


def picture_sizes(root: Path, names: tuple[str, ...]) -> list[str]:
    """Of each class folder of `root`, in all of its parts: the smallest and largest picture, "640x480 to 4032x3024"."""
    parts = split_folders(root).values() or [root]
    return [_sizes([part / name for part in parts]) for name in names]


def _sizes(folders: list[Path]) -> str:
    found = set()
    for file in (file for folder in folders if folder.is_dir() for file in list_pictures(folder).files):
        try:
            with Image.open(file, formats=FORMATS) as opened:  # reads no more than the header
                found.add(opened.size)
        except Exception:  # a picture that cannot be read, which was told
            continue
    if not found:
        return ""
    ordered = sorted(found, key=lambda size: size[0] * size[1])
    smallest, largest = ("x".join(map(str, size)) for size in (ordered[0], ordered[-1]))
    return smallest if smallest == largest else f"{smallest} to {largest}"


def uneven(rows: tuple[ClassImages, ...]) -> str:
    """A warning where one class has UNEVEN times as many training images as another, else ""."""
    most, least = max(rows, key=lambda row: row.train), min(rows, key=lambda row: row.train)
    if most.train < UNEVEN * least.train:
        return ""
    return (
        f'class "{most.name}" has {most.train:,} training images, class "{least.name}" {least.train:,}: '
        "accuracy will mostly be that of the large class; add images to the small one"
    )
