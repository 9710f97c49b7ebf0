"""Recipes: every part is read, and the ones that ship are right."""

from pathlib import Path

import pytest

from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.models.layer_table import Conv, Linear, layer_shapes, macs, weight_bits
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.training.cycle_budget import up5k_cycles

RECIPES = Path(__file__).parents[3] / "models" / "recipes"

GOOD = """
name = "small"
[data]
source = "npz"
path = "images.npz"
size = [12, 10]
colour = "rgb"
[input]
thresholds = 4
[[layers]]
kind = "conv"
filters = 16
groups = 2
pool = 2
[[layers]]
kind = "linear"
features = 20
[training]
rate = 1
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_reads_every_part(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD))
    assert recipe.name == "small"
    assert recipe.text == GOOD
    assert recipe.input_shape == (3, 12, 10)
    assert recipe.thermometer_shape == (12, 12, 10)
    assert recipe.layers == (Conv(16, groups=2, pool=2), Linear(20))
    assert recipe.training.rate == 1.0
    assert isinstance(recipe.training.rate, float)
    assert recipe.training.seed == 0


def test_reference_recipe_has_the_size_its_name_stands_for() -> None:
    recipe = load_recipe(RECIPES / "reference96.toml")
    shape = recipe.thermometer_shape
    assert shape == (16, 96, 96)
    assert weight_bits(shape, recipe.layers, recipe.data.classes) == 589_824
    assert macs(shape, recipe.layers) == 201_719_808
    assert layer_shapes(shape, recipe.layers)[-1] == (512, 3, 3)


def test_demo_recipe_is_small() -> None:
    recipe = load_recipe(RECIPES / "digits.toml")
    assert weight_bits(recipe.thermometer_shape, recipe.layers, 10) < 64_000
    assert any(isinstance(layer, Conv) and layer.groups > 1 and layer.shuffle for layer in recipe.layers)


@pytest.mark.parametrize(
    ("name", "colour", "thresholds", "bits", "frames"),
    [
        ("stl10_gray_670k", "gray", 16, 670_464, 35),
        ("stl10_gray_336k", "gray", 16, 336_384, 50),
        ("stl10_620k", "rgb", 4, 619_776, 26),
    ],
)
def test_recipes_of_stl10_fit_the_up5k_at_the_rate_they_state(
    name: str, colour: str, thresholds: int, bits: int, frames: int
) -> None:
    recipe = load_recipe(RECIPES / f"{name}.toml")
    assert (recipe.data.source, recipe.data.size, recipe.data.colour) == ("stl10", (96, 96), colour)
    assert recipe.input.thresholds == thresholds
    assert weight_bits(recipe.thermometer_shape, recipe.layers, 10) == bits <= 1_000_000
    cycles = up5k_cycles(recipe.input_shape, recipe.input.thresholds, 10)(recipe.layers)
    assert round(CLOCK_HZ / cycles) == frames and f"{frames} frames/s on the UP5K" in recipe.path.read_text()
    assert recipe.data.flip and recipe.data.shift and recipe.data.zoom != (1, 1) and recipe.data.exposure and recipe.data.cutout
