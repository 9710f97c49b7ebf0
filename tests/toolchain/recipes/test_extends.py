"""Recipes that extend others: what is merged, whose paths and mistakes are whose, and what a run folder then holds."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.models.layer_table import Conv, Linear
from owlbit.models.paper_networks import Xnor
from owlbit.toolchain.comparisons.comparison import Case
from owlbit.toolchain.comparisons.comparison_file import read_comparison
from owlbit.toolchain.recipes.extends import merged
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.runs.run_folder import RECIPE, run_recipe, start_run

BASE = """
name = "base"
[data]
source = "npz"
path = "images.npz"
size = [12, 10]
[input]
thresholds = 4
[[layers]]
kind = "conv"
filters = 16
[[layers]]
kind = "conv"
filters = 16
[training]
epochs = 8
stages = 2
from_run = "first"
[distillation]
teacher = "float"
epochs = 3
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_tables_are_merged_lists_replaced_and_false_leaves_out() -> None:
    table = {"a": {"x": 1, "y": 2}, "b": {"z": 3}, "layers": [1, 2], "list": [{"k": 0}], "flag": True}
    changes = {"a": {"y": 5}, "b": False, "layers": [3], "list": False, "flag": False, "new": {"k": 0}}
    assert merged(table, changes) == {"a": {"x": 1, "y": 5}, "layers": [3], "flag": False, "new": {"k": 0}}
    assert table["a"] == {"x": 1, "y": 2}


def test_a_file_changes_what_it_names_along_a_chain(tmp_path: Path) -> None:
    base = load_recipe(write(tmp_path / "base.toml", BASE))
    write(tmp_path / "longer.toml", 'extends = "base.toml"\n[training]\nepochs = 20\nbatch = 32\n[distillation]\nweight = 0.7\n')
    path = write(
        tmp_path / "last.toml",
        'extends = "longer.toml"\n[training]\nepochs = 30\n[[layers]]\nkind = "linear"\nfeatures = 9\n[pruning]\ntarget_bits = 9\n',
    )
    assert base.distillation is not None
    recipe = load_recipe(path)
    assert (recipe.name, recipe.path, recipe.data, recipe.input) == ("last", path, base.data, base.input)
    assert recipe.training == replace(base.training, epochs=30, batch=32)
    assert recipe.distillation == replace(base.distillation, weight=0.7)
    assert (base.layers, recipe.layers) == ((Conv(16), Conv(16)), (Linear(9),))
    assert recipe.pruning is not None and recipe.pruning.target_bits == 9
    alone = load_recipe(write(tmp_path / "same.toml", 'extends = "base.toml"'))
    assert alone == replace(base, name="same", path=alone.path, text=alone.text)


def test_tables_and_layers_are_left_out_by_false(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", BASE)
    text = 'extends = "base.toml"\nlayers = false\ninput = false\ndistillation = false\n[network]\nkind = "xnor"\n'
    recipe = load_recipe(write(tmp_path / "xnor.toml", text))
    assert (recipe.network, recipe.layers, recipe.distillation, recipe.training.stages) == (Xnor(), (), None, 2)


def test_paths_stay_where_the_file_is_that_says_them(tmp_path: Path) -> None:
    write(tmp_path / "shared" / "base.toml", BASE.replace('"float"\nepochs = 3', '"runs/teacher"'))
    path = write(tmp_path / "mine" / "deep" / "a.toml", 'extends = "../../shared/base.toml"\n[data]\ntest = "test.npz"\n')
    recipe = load_recipe(path)
    assert recipe.distillation is not None
    assert (recipe.data.path, recipe.data.test) == ("../../shared/images.npz", "test.npz")
    assert (recipe.distillation.teacher, recipe.training.from_run) == ("../../shared/runs/teacher", "../../shared/first")
    more = '[data.extra]\nsource = "npz"\npath = "more.npz"\n'
    write(tmp_path / "shared" / "base.toml", BASE.replace("[input]", f"{more}[input]", 1))
    extra = load_recipe(path).data.extra
    assert extra is not None and extra.path == "../../shared/more.npz"
    absolute = BASE.replace('"images.npz"', f'"{tmp_path / "images.npz"}"')
    write(tmp_path / "shared" / "base.toml", absolute)
    recipe = load_recipe(path)
    assert recipe.distillation is not None
    assert (recipe.data.path, recipe.distillation.teacher) == (str(tmp_path / "images.npz"), "float")


def test_a_run_holds_the_whole_recipe(tmp_path: Path) -> None:
    base = write(tmp_path / "base.toml", BASE)
    path = write(tmp_path / "mine" / "a.toml", 'extends = "../base.toml"\n[training]\nepochs = 20\n')
    recipe = load_recipe(path)
    start_run(tmp_path / "run", recipe, ("no", "yes"), resume=False, overwrite=False)
    base.unlink()
    path.unlink()
    kept, _, folder = run_recipe(tmp_path / "run")
    assert folder == path.parent
    assert kept == replace(recipe, path=kept.path) and kept.name == "a"
    written = (tmp_path / "run" / RECIPE).read_text()
    assert "extends" not in tomllib.loads(written) and written.startswith("# a.toml with what it extends: base.toml\n")


def test_a_recipe_that_extends_none_is_kept_word_for_word(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path / "base.toml", "# mine\n" + BASE)).text == "# mine\n" + BASE


def test_a_comparison_reads_a_recipe_that_extends_another(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", BASE)
    write(tmp_path / "recipes" / "a.toml", 'extends = "../base.toml"\n[training]\nepochs = 5\n')
    text = 'title = "T"\nrecipe = "recipes/a.toml"\nseeds = [0]\nbaseline = "x"\n[variants.x]\n[variants.y.training]\nstages = 1\n'
    recipe = tomllib.loads(read_comparison(write(tmp_path / "c.toml", text)).recipe(Case(("y",), 3)))
    assert recipe["training"] == {"epochs": 5, "stages": 1, "seed": 3, "from_run": str(tmp_path / "first")}
    assert recipe["data"]["path"] == str(tmp_path / "images.npz") and "extends" not in recipe


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"a.toml": 'extends = "a.toml"'},
            'a.toml: extends: expected a recipe that does not lead back .*"a.toml", this file itself',
        ),
        (
            {"a.toml": 'extends = "b.toml"', "b.toml": 'extends = "./c.toml"', "c.toml": 'extends = "b.toml"'},
            'c.toml: extends: expected a recipe that does not lead back to this one, got "b.toml", which extends this file',
        ),
        ({"a.toml": 'extends = "b.toml"'}, 'a.toml: extends: expected the path of .*, got "b.toml", where no such file is'),
        ({"a.toml": 'extends = "."'}, 'a.toml: extends: expected the path of .*, got ".", where no such file is'),
        ({"a.toml": 'extends = "b.toml"', "b.toml": "extends = 3"}, "b.toml: extends: expected the path of a recipe, .*, got 3"),
        ({"a.toml": 'extends = "b.toml"', "b.toml": "[data"}, "b.toml: expected a TOML file, got"),
    ],
)
def test_a_chain_that_leads_nowhere_is_one_sentence(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        write(tmp_path / name, text)
    with pytest.raises(OwlbitError, match=message) as caught:
        load_recipe(tmp_path / "a.toml")
    assert str(caught.value).startswith(str(tmp_path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("base", "changes", "file", "message"),
    [
        ("epochs = 8", "epochs = 0", "base.toml", "training.epochs: expected 1 to 100000, got 0"),
        ("filters = 16", "filters = 0", "base.toml", "layers[0].filters: expected 1 to 65536, got 0"),
        ("", "[training]\nepochs = 0", "a.toml", "training.epochs: expected 1 to 100000, got 0"),
        ("", "[input]\nthreshold = 3", "a.toml", 'input.threshold: expected a known key (did you mean "thresholds"?)'),
        ('path = "images.npz"\n', "", "a.toml", 'data.path: expected a path, with source "npz", got none'),
        ("", "[training]\nepochs = 1", "a.toml", "training.epochs: expected at least 2, one for each stage, got 1"),
    ],
)
def test_a_mistake_names_the_file_that_it_is_in(tmp_path: Path, base: str, changes: str, file: str, message: str) -> None:
    write(tmp_path / "base.toml", BASE.replace(base, changes, 1) if base else BASE)
    path = write(tmp_path / "a.toml", 'extends = "base.toml"\n' + ("" if base else changes))
    with pytest.raises(OwlbitError) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{tmp_path / file}: {message}")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('extends = "{name}"', "extends"),
        ('[data]\nsource = "folder"\npath = "pictures/{name}"', "data.path"),
        ('[data.extra]\nsource = "folder"\npath = "{name}"', "data.extra.path"),
        ('[training]\nfrom_run = "{name}"', "training.from_run"),
        ('[distillation]\nteacher = "{name}"', "distillation.teacher"),
        ('[[restarts]]\ndistillation = {{ teacher = "{name}" }}', "restarts[0].distillation.teacher"),
    ],
)
def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path, text: str, key: str) -> None:
    path = write(tmp_path / "a.toml", text.format(name="x" * 256))
    with pytest.raises(OwlbitError) as caught:
        load_recipe(path)
    expected = "expected a path of at most 4,000 bytes, each name in it of at most 255, got one of "
    assert str(caught.value).startswith(f"{path}: {key}: {expected}")
