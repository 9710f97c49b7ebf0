"""A recipe on 80 tiny pictures, bright at the top or bright at the bottom, with techniques added as text."""

from io import StringIO
from pathlib import Path

import numpy as np
from rich.console import Console

from owlbit.toolchain.recipes.recipe import Recipe, load_recipe

RECIPE = """
[data]
source = "npz"
path = "images.npz"
size = [8, 8]
colour = "rgb"
[input]
thresholds = 3
[[layers]]
kind = "conv"
filters = 8
pool = 2
[[layers]]
kind = "conv"
filters = 8
groups = 2
shuffle = true
[training]
epochs = 4
batch = 16
"""
TWO_STAGES = "stages = 2\nweight_decay = 0.001\n"
TEACHER = '[distillation]\nteacher = "float"\nepochs = 2\n'


def recipe_for(folder: Path, *, encoding: str = "", training: str = "") -> Recipe:
    generator = np.random.default_rng(0)
    labels = np.arange(80) % 2
    images = generator.integers(0, 100, (80, 3, 8, 8), dtype=np.uint8)
    for label in (0, 1):
        images[labels == label, :, 4 * label : 4 * label + 4] += 60
    np.savez(folder / "images.npz", images=images, labels=labels)
    text = RECIPE.replace("thresholds = 3\n", "thresholds = 3\n" + encoding) + training
    if "bit-planes" in encoding:
        text = text.replace("thresholds = 3", "thresholds = 8")
    (folder / "recipe.toml").write_text(text)
    return load_recipe(folder / "recipe.toml")


def quiet() -> Console:
    return Console(file=StringIO())
