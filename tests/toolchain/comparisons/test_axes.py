"""Comparisons of several axes: which combinations are trained, means, paired differences, and the pages of the documentation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.models.layer_table import Conv, weight_bits
from owlbit.toolchain.comparisons.comparison import Case, Comparison
from owlbit.toolchain.comparisons.comparison_file import read_comparison
from owlbit.toolchain.comparisons.means import differences, means
from owlbit.toolchain.comparisons.page import BITS_PLOT, CURVES_PLOT, PAGE, PLOT, THRESHOLDS_PLOT, write_page
from owlbit.toolchain.comparisons.results_file import RESULTS, Row, read_results, write_results
from owlbit.toolchain.recipes.recipe import load_recipe
from tiny_recipe import recipe_for

ROOT = Path(__file__).resolve().parents[3]
ENCODINGS = ROOT / "models" / "comparisons" / "encodings.toml"
DOCS = {"encodings": "encodings", "techniques": "techniques", "same_bits": "same_bits", "cifar10_1mb_dark": "learned_in_the_dark"}

FILE = """
title = "Encodings"
recipe = "recipe.toml"
seeds = [0, 1]
baseline = "quantile"
compared = "encoding"
about = "Small *images*."
[axes.encoding]
quantile.input.encoding = "quantile"
learned.input.encoding = "learned"
distilled = { input = { encoding = "learned" }, distillation = { teacher = "float", epochs = 1 } }
[axes.light]
day.data.light = "day"
dark.data.light = "dark"
[axes.thresholds]
2.input.thresholds = 2
4.input.thresholds = 4
[[skip]]
encoding = ["distilled"]
thresholds = ["2"]
[thresholds_plot]
light = ["dark"]
"""

VALUES = "quantile, learned, distilled"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    recipe_for(tmp_path)
    (tmp_path / "axes.toml").write_text(FILE)
    return tmp_path / "axes.toml"


@pytest.fixture
def encodings() -> Comparison:
    return read_comparison(ENCODINGS)


def only(*filters: str) -> list[str]:
    return [word for each in filters for word in ("--only", each)]


def row(values: tuple[str, ...], seed: int, test: float, validation: float = 0.4) -> Row:
    return Row(Case(values, seed), 10, validation, test, 1000, 60.0, ((1, 2, 3, 4),))


def test_every_combination_is_trained_but_those_skipped(file: Path, tmp_path: Path) -> None:
    comparison = read_comparison(file)
    combinations = comparison.combinations()
    assert len(combinations) == 2 * 2 * 3 - 2 and ("distilled", "day", "4") in combinations
    assert [case.seed for case in comparison.cases()] == [0] * 10 + [1] * 10
    assert len({case.name for case in comparison.cases()}) == 20
    (tmp_path / "a.toml").write_text(comparison.recipe(Case(("distilled", "dark", "4"), 1)))
    recipe = load_recipe(tmp_path / "a.toml")
    assert (recipe.data.light, recipe.input.thresholds, recipe.input.encoding, recipe.training.seed) == ("dark", 4, "learned", 1)
    assert recipe.distillation is not None


def test_the_encodings_of_the_documentation_are_recipes_of_their_own(encodings: Comparison, tmp_path: Path) -> None:
    for light, colour, thresholds, encoding in encodings.combinations():
        (tmp_path / "a.toml").write_text(encodings.recipe(Case((light, colour, thresholds, encoding), 0)))
        recipe = load_recipe(tmp_path / "a.toml")
        assert (recipe.data.light, recipe.data.colour, recipe.input.thresholds) == (light, colour, int(thresholds))
        assert recipe.input.encoding == (encoding if encoding == "bit-planes" else encoding.split("-")[0])
        assert (recipe.input.placed == "uniform") == ("uniform" in encoding)
        assert recipe.input.shared == encoding.endswith("shared")
        assert (recipe.input.window > 1) == encoding.endswith("narrowing")
        assert (recipe.distillation is not None) == encoding.endswith("distilled")


def test_only_takes_part(encodings: Comparison) -> None:
    found = encodings.chosen(["light=dark,mixed", "thresholds=4", "encoding=quantile", "seed=2"])
    assert {(case.values[0], case.values[2:], case.seed) for case in found} == {
        (light, ("4", "quantile"), 2) for light in ("dark", "mixed")
    }
    with pytest.raises(OwlbitError, match=r'--only: expected values of thresholds, 2, 4, 8, got "5"'):
        encodings.chosen(["thresholds=5"])
    for text in ("T=4", "quantile"):
        with pytest.raises(
            OwlbitError, match=rf'--only: expected AXIS=VALUE,VALUE\.\. with an axis of light, .*, seed, got "{text}"'
        ):
            encodings.chosen([text])


@pytest.mark.slow
def test_trains_what_is_missing_and_skips_what_is_there(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    file.write_text(FILE.replace("[axes.encoding]", "[shared.training]\nepochs = 1\n[axes.encoding]"))
    command = ["compare", str(file), "--out", str(out), "--runs", str(tmp_path / "runs"), *only("light=dark", "seed=1")]
    assert owlbit(*command, *only("thresholds=4", "encoding=quantile")).code == 0
    (first,) = read_results(out / RESULTS, ["encoding", "light", "thresholds"])
    assert first.case == Case(("quantile", "dark", "4"), 1) and first.epochs == 1 and first.test is None
    assert [len(colour) for colour in first.threshold_values] == [4, 4, 4]
    both = only("thresholds=4", "encoding=quantile,learned")
    more = owlbit(*command, *both)
    assert more.code == 0 and "1 of 2 trainings are there already" in more.err
    before = (out / RESULTS).read_bytes()
    assert owlbit(*command, *both).code == 0
    assert (out / RESULTS).read_bytes() == before
    assert "| learned | quantile | 4 |  | " in (out / PAGE).read_text()  # columns are day and dark
    file.write_text(FILE)
    other = owlbit(*command)
    assert other.code == 2 and "epochs, got 1 of quantile_dark_4-1; choose another --out" in other.err


def test_bad_data_is_one_sentence_across_processes(file: Path, tmp_path: Path) -> None:
    command = ["compare", str(file), "--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    part = only("encoding=learned", "seed=0", "thresholds=2", "light=day")
    ended = owlbit(*command, "--runs", str(tmp_path / "runs"), *part)
    assert ended.code == 2 and "\nowlbit: learned_day_2-0: " in ended.err and "Traceback" not in ended.err


def test_means_deviations_and_differences_at_the_same_seed(encodings: Comparison, tmp_path: Path) -> None:
    dark = ("dark", "gray", "4")
    rows = [row((*dark, "learned"), seed, test) for seed, test in enumerate((0.40, 0.42, 0.47))]
    rows += [row((*dark, "quantile"), seed, test) for seed, test in enumerate((0.38, 0.43))]
    learned, quantile = means(encodings, rows)
    assert learned.test is not None and learned.ahead is not None and quantile.ahead is None
    assert (learned.values[-1], learned.test.count, quantile.validation.count) == ("learned", 3, 2)
    assert learned.test.mean == pytest.approx(43) and learned.test.deviation == pytest.approx(np.std([40, 42, 47], ddof=1))
    assert learned.ahead.mean == pytest.approx(0.5) and learned.ahead.deviation == pytest.approx(np.std([2, -1], ddof=1))
    write_results(tmp_path / RESULTS, list(encodings.axes), rows)
    assert read_results(tmp_path / RESULTS, list(encodings.axes)) == rows
    write_page(tmp_path, encodings, rows)
    page = (tmp_path / PAGE).read_text()
    assert "| dark | gray | 4 | learned | 1,000 | 10 | 40.0 ± 0.0 (3) | 43.0 ± 3.6 | +0.5 ± 2.1 | 1.0 |" in page
    for plot in (PLOT, THRESHOLDS_PLOT):
        with Image.open(tmp_path / plot) as opened:
            assert opened.format == "PNG" and len(np.unique(np.asarray(opened).reshape(-1, opened.size[0]), axis=0)) > 10


def test_values_are_set_against_their_counterparts_over_all_other_axes(encodings: Comparison, tmp_path: Path) -> None:
    rows = []
    for colour, thresholds, seed, learned, fixed in (
        ("gray", "4", 0, 0.40, 0.38),
        ("rgb", "2", 0, 0.45, 0.44),
        ("rgb", "8", 1, 0.5, 0.5),
    ):
        rows += [row(("dark", colour, thresholds, "learned"), seed, learned)]
        rows += [row(("dark", colour, thresholds, "quantile"), seed, fixed)]
    rows += [row(("dark", "gray", "4", "learned-distilled"), 0, 0.5), row(("dark", "gray", "4", "quantile-distilled"), 0, 0.52)]
    rows.append(row(("day", "gray", "4", "learned"), 0, 0.6))  # without a pair
    two, four, eight, plain, distilled, taught = differences(encodings, rows)
    assert [(each.line, each.ahead.count, each.ahead.error) for each in (two, four, eight)] == [
        ("2", 1, None),
        ("4", 1, None),
        ("8", 1, None),
    ]
    assert four.ahead.mean == pytest.approx(2.0)
    assert (plain.column, plain.line, plain.value, plain.against, plain.ahead.count) == ("dark", None, "learned", "quantile", 3)
    assert plain.ahead.mean == pytest.approx(1.0) and plain.ahead.error == pytest.approx(1 / 3**0.5)
    assert (distilled.against, distilled.line) == ("quantile-distilled", "4") and distilled.ahead.mean == pytest.approx(-2.0)
    assert (taught.value, taught.against) == ("quantile-distilled", "quantile") and taught.ahead.mean == pytest.approx(14.0)
    write_page(tmp_path, encodings, rows)
    page = (tmp_path / PAGE).read_text()
    assert "| learned | quantile | all |  | +1.0 ± 0.6 (3) |  |" in page
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert "## Differences along encoding" in headings and len(set(headings)) == len(headings)


@pytest.mark.parametrize(("name", "folder"), DOCS.items())
def test_the_pages_of_the_documentation_are_those_of_their_results(name: str, folder: str, tmp_path: Path) -> None:
    comparison = read_comparison(ROOT / "models" / "comparisons" / f"{name}.toml")
    rows = read_results(ROOT / "docs" / folder / RESULTS, list(comparison.axes))
    write_page(tmp_path / "docs", comparison, rows)
    page = (tmp_path / "docs" / PAGE).read_text(encoding="utf-8")
    stored = (ROOT / "docs" / folder / PAGE).read_text(encoding="utf-8")
    assert page.split("![")[1] == stored.split("![")[1]  # above it is the command, wrapped with the folder's name
    for plot in (PLOT, THRESHOLDS_PLOT):
        assert (tmp_path / "docs" / plot).exists() == (ROOT / "docs" / folder / plot).exists()


def test_a_damaged_results_file_is_named(tmp_path: Path) -> None:
    for text in ("light,colour\nday,gray\n", "", "light,seed,epochs,validation,test,weight_bits,seconds,threshold_values\nday,x\n"):
        (tmp_path / RESULTS).write_text(text)
        with pytest.raises(OwlbitError, match=r"results\.csv: expected rows with the columns light, seed, epochs"):
            read_results(tmp_path / RESULTS, ["light"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('compared = "encoding"', 'compared = "colour"', 'compared: expected one of encoding, light, thresholds, got "colour"'),
        ('baseline = "quantile"', 'baseline = "day"', 'baseline: expected one of quantile, learned, distilled, got "day"'),
        ('encoding = ["distilled"]', 'encoding = ["taught"]', f'skip[0].encoding: expected one of {VALUES}, got "taught"'),
        ('encoding = ["distilled"]', 'code = ["distilled"]', 'skip[0].code: expected one of encoding, light, thresholds, got "'),
        ("[[skip]]", "[skip]", "skip: expected tables headed [[skip]], of axes with lists of their values, got a table"),
        ('light = ["dark"]', 'light = "dark"', "thresholds_plot: expected a table of axes with lists of their values, got a table"),
        ("[axes.light]", "[axes.seed]", "axes.seed: expected a name of small letters, digits and dashes, other than seed, epochs"),
        ('dark.data.light = "dark"\n', "", "axes.light: expected at least two tables, each headed [axes.light.VALUE], got"),
        ("[[skip]]", "[variants.a]\n[variants.b]\n[[skip]]", "expected [variants.NAME] or [axes.AXIS.VALUE] tables, got both"),
        ("[[skip]]", '[against]\nlearned = "none"\n[[skip]]', f'against.learned: expected one of {VALUES}, got "none"'),
        ('about = "Small *images*."', 'plot = ["day"]', f'plot: expected one of {VALUES}, got "day"'),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_with_the_key(file: Path, old: str, new: str, message: str) -> None:
    assert old in FILE
    file.write_text(FILE.replace(old, new, 1))
    with pytest.raises(OwlbitError) as error:
        read_comparison(file)
    assert message in str(error.value)


def test_accuracy_against_bits_and_tone_curves(file: Path, tmp_path: Path) -> None:
    gray = FILE.replace("about =", "against_bits = true\nabout =")
    file.write_text(gray)
    comparison = read_comparison(file)
    rows = [
        Row(Case(values, seed), 4, 0.5, 0.4 + 0.1 * seed, 1000 * int(values[2]), 60.0, (tuple(range(40, 80, 10 + seed)),))
        for values in comparison.combinations()
        for seed in (0, 1)
    ]
    write_page(tmp_path, comparison, rows)
    page = (tmp_path / PAGE).read_text()
    for name in (BITS_PLOT, CURVES_PLOT):
        assert f"]({name})" in page
        with Image.open(tmp_path / name) as picture:
            assert len(picture.getcolors(1 << 20) or ()) > 20  # something is drawn
    file.write_text(FILE)
    write_page(tmp_path / "other", read_comparison(file), [replace(row, threshold_values=()) for row in rows])
    assert {path.name for path in (tmp_path / "other").iterdir()} == {PAGE, PLOT}


def test_the_pruning_study_prunes_one_network_to_the_bits_of_narrower_ones(tmp_path: Path) -> None:
    comparison = read_comparison(ENCODINGS.with_name("stl10_pruning.toml"))
    for teacher, kbit, way in comparison.combinations():
        (tmp_path / "a.toml").write_text(comparison.recipe(Case((teacher, kbit, way), 0)))
        recipe = load_recipe(tmp_path / "a.toml")
        bits = weight_bits(recipe.thermometer_shape, recipe.layers, 10)
        assert (recipe.distillation is not None) == (teacher == "distilled")
        assert (recipe.pruning is None) == (way == "narrow")
        if recipe.pruning is None:
            assert 0 <= 1000 * int(kbit) - bits < 50_000
        else:
            assert bits == 1_467_648 and recipe.pruning.blocks and bool(recipe.pruning.heavy_groups) == (way == "heavy-removed")
            narrow = comparison.recipe_tables((teacher, kbit, "narrow"))["layers"]
            layers = tuple(Conv(**{key: value for key, value in layer.items() if key != "kind"}) for layer in narrow)
            assert recipe.pruning.target_bits == weight_bits(recipe.thermometer_shape, layers, 10)
