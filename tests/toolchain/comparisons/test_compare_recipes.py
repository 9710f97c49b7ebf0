"""Comparisons of recipes: what a file may say, that a call goes on where the last one stopped, and that the means are right."""

import tomllib
from pathlib import Path

import pytest
from PIL import Image

from command_line import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.toolchain.comparisons.comparison import Case
from owlbit.toolchain.comparisons.comparison_file import read_comparison
from owlbit.toolchain.comparisons.page import PAGE, PLOT, write_page
from owlbit.toolchain.comparisons.results_file import RESULTS, Row, read_results, write_results
from owlbit.toolchain.recipes.recipe import load_recipe
from tiny_recipe import recipe_for

ROOT = Path(__file__).resolve().parents[3]

FILE = """
title = "Stages"
recipe = "recipe.toml"
seeds = [3, 4]
baseline = "plain"
[shared.training]
epochs = 2
[variants.plain]
[variants.two-stages.training]
stages = 2
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    recipe_for(tmp_path)
    (tmp_path / "stages.toml").write_text(FILE)
    return tmp_path / "stages.toml"


@pytest.mark.parametrize("path", sorted((ROOT / "models" / "comparisons").glob("*.toml")), ids=lambda path: path.stem)
def test_every_variant_of_the_comparisons_that_come_along_is_a_recipe(path: Path, tmp_path: Path) -> None:
    comparison = read_comparison(path)
    texts = {values: comparison.recipe(Case(values, 1)) for values in comparison.combinations()}
    assert len(set(texts.values())) == len(texts)
    for text in texts.values():
        (tmp_path / "a.toml").write_text(text)
        assert load_recipe(tmp_path / "a.toml").training.seed == 1


def test_paths_keep_their_place(file: Path, tmp_path: Path) -> None:
    file.write_text(FILE + '[variants.two-stages.distillation]\nteacher = "runs/teacher"\n')
    comparison = read_comparison(file)
    recipe = tomllib.loads(comparison.recipe(Case(("two-stages",), 4)))
    assert recipe["data"]["path"] == str(tmp_path / "images.npz")
    assert recipe["distillation"]["teacher"] == str(tmp_path / "runs" / "teacher")
    assert recipe["training"] == {"epochs": 2, "batch": 16, "stages": 2, "seed": 4}
    assert comparison.shared["data"]["path"] == "images.npz"  # what the page shows names no folder of this machine


@pytest.mark.slow
def test_trains_what_is_missing_and_skips_what_is_there(file: Path, tmp_path: Path) -> None:
    command = ["compare", str(file), "--out", str(tmp_path / "out"), "--runs", str(tmp_path / "runs")]
    assert owlbit(*command, "--jobs", "1", "--only", "plain").code == 0
    assert {row.case for row in read_results(tmp_path / "out" / RESULTS, ["variant"])} == {Case(("plain",), 3), Case(("plain",), 4)}
    rest = owlbit(*command, "--jobs", "2")
    assert rest.code == 0 and "2 of 4 trainings are there already" in rest.err
    rows = read_results(tmp_path / "out" / RESULTS, ["variant"])
    assert {row.case for row in rows} == {Case((name,), seed) for name in ("plain", "two-stages") for seed in (3, 4)}
    assert all(row.epochs == 2 and row.test is None and 0 <= row.validation <= 1 and row.weight_bits > 0 for row in rows)
    before = (tmp_path / "out" / RESULTS).read_bytes()
    assert owlbit(*command).code == 0
    assert (tmp_path / "out" / RESULTS).read_bytes() == before
    with Image.open(tmp_path / "out" / PLOT) as picture:
        assert picture.size > (600, 200)


def test_means_deviations_and_differences_at_the_same_seed(file: Path, tmp_path: Path) -> None:
    rows = [
        Row(Case(("plain",), 3), 2, 0.5, 0.40, 1000, 60),
        Row(Case(("plain",), 4), 2, 0.6, 0.50, 1000, 60),
        Row(Case(("two-stages",), 4), 2, 0.7, 0.53, 900, 90),
    ]
    write_results(tmp_path / RESULTS, ["variant"], rows)
    assert read_results(tmp_path / RESULTS, ["variant"]) == rows
    write_page(tmp_path, read_comparison(file), rows)
    page = (tmp_path / PAGE).read_text()
    assert "| plain | 1,000 | 2 | 55.0 ± 7.1 (2) | 45.0 ± 7.1 |  | 1.0 |" in page
    assert "| two-stages | 900 | 2 | 70.0 (1) | 53.0 | +3.0 | 1.5 |" in page
    assert str(tmp_path) not in " ".join(page.split()).replace(f"--out {tmp_path}", "")  # lines are wrapped


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('baseline = "plain"', 'baseline = "none"', 'baseline: expected one of plain, two-stages, got "none"'),
        ("seeds = [3, 4]", "seeds = [[3], [4]]", "seeds: expected a list of different integers, got [[3], [4]]"),
        ("seeds = [3, 4]", "seeds = [3, 3]", "seeds: expected a list of different integers, got [3, 3]"),
        ('recipe = "recipe.toml"', 'recipe = "no.toml"', "no.toml: expected a recipe, found no such file"),
        ('recipe = "recipe.toml"', "", "recipe: expected the path of a recipe, got no such key"),
        ("[variants.plain]", "[variants.Plain]", "variants.Plain: expected a name of small letters, digits and dashes"),
        ("title", "titel", 'titel: expected a known key (did you mean "title"?), got "titel"'),
        ("[variants.plain]", "[variants", "expected a TOML file"),
    ],
)
def test_a_bad_file_is_named_with_the_key(file: Path, old: str, new: str, message: str) -> None:
    file.write_text(FILE.replace(old, new, 1))
    with pytest.raises(OwlbitError) as error:
        read_comparison(file)
    assert message in str(error.value)


def test_a_variant_that_is_no_recipe_is_refused_before_anything_is_trained(file: Path, tmp_path: Path) -> None:
    file.write_text(FILE.replace("stages = 2", "stages = 9"))
    command = ["compare", str(file), "--out", str(tmp_path / "out"), "--runs", str(tmp_path / "runs")]
    refused = owlbit(*command)
    assert refused.code == 2 and "training.stages: expected 1 to 3, got 9" in refused.err
    assert not (tmp_path / "out").exists() and not [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    file.write_text(FILE)
    refused = owlbit(*command, "--only", "distilled")
    assert refused == (2, "", 'owlbit: --only: expected values of variant, plain, two-stages, got "distilled"\n')
