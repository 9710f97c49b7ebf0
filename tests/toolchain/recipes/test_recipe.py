"""Recipes: the ones that ship are right, and each mistake ends in one sentence with file, key, expected and got."""

from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.models.layer_table import Conv, Linear, layer_shapes, macs, weight_bits
from owlbit.toolchain.recipes.recipe import load_recipe

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


MISTAKES = [
    ("filters = 16", "filtres = 16", r'layers\[0\]\.filtres: expected a known key \(did you mean "filters"\?\), got "filtres"'),
    ("[input]", "[inputs]", r'inputs: expected a known key \(did you mean "input"\?\)'),
    ("rate = 1", "zzzz = 1", r"training\.zzzz: expected a known key \(one of epochs, batch, rate"),
    ("filters = 16", 'filters = "16"', r'layers\[0\]\.filters: expected an integer, got the text "16"'),
    ("filters = 16", "filters = true", r"layers\[0\]\.filters: expected an integer, got true"),
    ("filters = 16", "filters = 0", r"layers\[0\]\.filters: expected 1 to 65536, got 0"),
    ("filters = 16\n", "", r"layers\[0\]\.filters: expected an integer, got no such key"),
    ("groups = 2", 'skip = "and"', r'layers\[0\]\.skip: expected one of "or", "xor", "mux", got the text "and"'),
    ("groups = 2", "skip = true", r"layers\[0\]\.skip: expected a text, got true"),
    (
        "groups = 2",
        'skip = "or"',
        r"layers\[0\]\.skip: expected a layer that keeps the shape of its map \(filters = 12, .*\), got 12x12x10 to 16x6x5",
    ),
    ("groups = 2", "groups = 5", r"layers\[0\]\.groups: expected a divisor of the 12 input channels, got 5"),
    ("groups = 2", "groups = 3", r"layers\[0\]\.groups: expected a divisor of the 16 filters, got 3"),
    ("size = [12, 10]", "size = [12]", r"data\.size: expected two integers, got the list \[12\]"),
    ("size = [12, 10]", "size = [12, 2000]", r"data\.size: expected 4 to 1024, got"),
    (
        "pool = 2",
        "pool = 8\n[[layers]]\nkind = 'conv'\nfilters = 4\npool = 2",
        r"layers\[1\]\.pool: expected a window that fits the 1x1",
    ),
    ("thresholds = 4", "thresholds = 0", r"input\.thresholds: expected 1 to 128, got 0"),
    ("thresholds = 4", "thresholds = 4.0", r"input\.thresholds: expected an integer, got 4\.0"),
    ("rate = 1", "rate = 1" + "0" * 400, r"training\.rate: expected a number, got 10"),
    (
        'source = "npz"\npath = "images.npz"',
        'source = "digits"\nflip = true',
        r"data: expected only size and validation with source",
    ),
    ("rate = 1", "rate = nan", r"training\.rate: expected 1e-08 to 10, got nan"),
    ('colour = "rgb"', 'colour = "grey"', r'data\.colour: expected one of "gray", "rgb", got the text "grey"'),
    ('colour = "rgb"', 'light = "night"', r'data\.light: expected one of "day", "dark", "mixed", got the text "night"'),
    ("thresholds = 4", "thresholds = 4\nwindow = 0.5", r"input\.window: expected 1 to 64, got 0\.5"),
    (
        "thresholds = 4",
        'thresholds = 4\nencoding = "uniform"\nwindow = 2.0',
        r'input\.window: expected no such key with encoding "uniform"',
    ),
    ('kind = "linear"', 'kind = "dense"', r'layers\[1\]\.kind: expected one of "conv", "linear", got'),
    ('path = "images.npz"\n', "", r"data\.path: expected a path"),
    ('path = "images.npz"', 'path = "images.npz"\nclasses = 3', r"data\.classes: expected no such key"),
    (
        'path = "images.npz"',
        'path = "a"\ntest = "b"\ntest_share = 0.2',
        r"data\.test_share: expected no such key beside data\.test",
    ),
    ("[input]", '[data.groups]\na = ["x"]\n[input]', r"data\.groups: expected at least two groups, got one"),
    (
        "[input]",
        '[data.groups]\na = ["x"]\nb = ["x"]\n[input]',
        r'data\.groups: expected every class in one group at most, got "x"',
    ),
    ("[input]", '[data.groups]\na = ["x"]\nb = "y"\n[input]', r"data\.groups\.b: expected a list of classes, got 'y'"),
    ('path = "images.npz"', 'path = "images.npz"\ngroups = 3', r"data\.groups: expected a table of lists of classes, got 3"),
    ("[[layers]]", "[layers", "expected a TOML file, got"),
    ("[training]\nrate = 1", "training = 3", r"expected a known key|training: expected a table"),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES, ids=[new[:24] or old[:24] for old, new, _ in MISTAKES])
def test_a_mistake_is_one_clear_sentence(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(OwlbitError, match=message) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"data: expected a table headed \[data\], got none"),
        ("name = 3", "name: expected a text, got 3"),
        ("[layers]", r"layers: expected a list of tables, each headed \[\[layers\]\]"),
        ("training = 3", r"training: expected a table headed \[training\], got 3"),
        ("layers = [1]\n[data]\nsource='none'\nsize=[8,8]\nclasses=2\n[input]\nthresholds=2", r"layers\[0\]: expected a table"),
    ],
)
def test_a_missing_or_mistyped_table_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OwlbitError, match=message):
        load_recipe(write(tmp_path, text))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match="found no such file"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(OwlbitError, match="found a folder"):
        load_recipe(tmp_path)
