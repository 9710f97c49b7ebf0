"""The comparison of encodings: what it covers, that it goes on where it was, and that its means and deviations are right."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.toolchain.comparisons.encodings import chosen
from owlbit.toolchain.comparisons.encodings_cases import INPUTS, Case, Row, cases
from owlbit.toolchain.comparisons.encodings_means import gains, means
from owlbit.toolchain.comparisons.encodings_page import PAGE, PLACES_PLOT, PLOT, TABLE, write_page
from owlbit.toolchain.comparisons.results_file import read_results, write_results
from owlbit.toolchain.recipes.recipe import load_recipe

CASE = Case("dark", "gray", 4, "learned", 0)


def only(*filters: str) -> list[str]:
    return [word for each in filters for word in ("--only", each)]


def row_of(case: Case, validation: float, test: float) -> Row:
    return Row(case.light, case.colour, case.thresholds, case.encoding, case.seed, 6, validation, test, 60.0, "1 2 3 4")


def cifar10_pages(folder: Path) -> Path:
    """40 training and 20 test images, half of them bright, in the layout of lossless pages."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for split, count in (("train", 40), ("test", 20)):
        labels = np.arange(count, dtype=np.uint8) % 10
        tiles = generator.integers(0, 100, (count, 32, 32, 3)) + 100 * (labels % 2)[:, None, None, None]
        page = tiles.astype(np.uint8).reshape(2, count // 2, 32, 32, 3).transpose(0, 2, 1, 3, 4).reshape(64, -1, 3)
        Image.fromarray(page).save(folder / f"{split}-00.webp", lossless=True)
        np.save(folder / f"{split}-labels.npy", labels)
    return folder


def test_every_case_is_a_recipe_of_its_own(tmp_path: Path) -> None:
    everything = list(cases())
    assert len(set(everything)) == len(everything)
    assert {case.encoding for case in everything} == set(INPUTS)
    for case in everything:
        if case.seed == 0:
            (tmp_path / "a.toml").write_text(case.recipe(6))
            recipe = load_recipe(tmp_path / "a.toml")
            assert (recipe.data.light, recipe.data.colour, recipe.input.thresholds) == (case.light, case.colour, case.thresholds)
            assert recipe.input.encoding == (case.encoding if case.encoding == "bit-planes" else case.encoding.split("-")[0])
            assert (recipe.input.placed == "uniform") == ("uniform" in case.encoding)
            assert recipe.input.shared == case.encoding.endswith("shared")
            assert (recipe.input.window > 1) == case.encoding.endswith("narrowing")
            assert (recipe.distillation is not None) == case.encoding.endswith("distilled")


def test_only_takes_part() -> None:
    found = chosen(["light=dark,mixed", "thresholds=4", "encoding=quantile"])
    assert {(case.light, case.thresholds, case.encoding) for case in found} == {("dark", 4, "quantile"), ("mixed", 4, "quantile")}
    with pytest.raises(OwlbitError, match=r"--only: thresholds: expected values of 2, 4, 8, got \"5\""):
        chosen(["thresholds=5"])
    with pytest.raises(OwlbitError, match=r"--only: expected KEY=VALUE,VALUE\.\. with a key of light, colour, .* got \"T=4\""):
        chosen(["T=4"])


def test_trains_what_is_missing_and_skips_what_is_there(tmp_path: Path) -> None:
    data, out = cifar10_pages(tmp_path / "data"), tmp_path / "out"
    command = ["compare-encodings", "--data", str(data), "--out", str(out), "--runs", str(tmp_path / "runs")]
    part = only("colour=gray", "light=dark", "seed=0", "thresholds=4", "encoding=quantile")
    assert owlbit(*command, "--epochs", "1", *part).code == 0
    (row,) = read_results(Row, out / "results.csv")
    assert row.case == replace(CASE, encoding="quantile") and row.epochs == 1
    assert 0 <= row.test <= 1 and len(row.places.split()) == 4
    before = (out / "results.csv").read_bytes()
    again = owlbit(*command, "--epochs", "1", *part)
    assert again.code == 0 and "1 of 1 trainings are there already" in again.err
    assert (out / "results.csv").read_bytes() == before
    more = only("light=dark", "encoding=bit-planes,quantile")
    assert owlbit(*command, "--epochs", "1", *part, *more).code == 0  # every filter counts
    assert (out / "results.csv").read_bytes() == before
    other = owlbit(*command, "--epochs", "2")
    assert other.code == 2 and "expected trainings of 2 epochs, got others" in other.err


def test_bad_data_is_one_sentence_across_processes(tmp_path: Path) -> None:
    command = ["compare-encodings", "--data", str(tmp_path / "none"), "--out", str(tmp_path), "--runs", str(tmp_path / "runs")]
    ended = owlbit(*command, *only("encoding=learned", "seed=0", "thresholds=2", "light=day", "colour=rgb"))
    assert ended.code == 2 and "\nowlbit: day-rgb-2-learned-0-10: " in ended.err and "Traceback" not in ended.err


def test_means_deviations_and_paired_differences(tmp_path: Path) -> None:
    rows = [row_of(replace(CASE, seed=seed), 0.4, test) for seed, test in enumerate((0.40, 0.42, 0.47))]
    rows += [row_of(replace(CASE, encoding="quantile", seed=seed), 0.3, test) for seed, test in enumerate((0.38, 0.43))]
    learned, quantile = means(rows)
    assert (learned.encoding, learned.seeds, quantile.seeds) == ("learned", 3, 2)
    assert (learned.test, learned.test_deviation) == (43.0, round(float(np.std([40, 42, 47], ddof=1)), 2))
    assert (learned.ahead, learned.ahead_deviation) == (0.5, round(float(np.std([2, -1], ddof=1)), 2))
    write_results(tmp_path / "results.csv", rows)
    assert read_results(Row, tmp_path / "results.csv") == rows
    write_page(tmp_path, rows, 6)
    page = (tmp_path / PAGE).read_text()
    assert "| dark | gray | 4 | 43.0 ± 3.6 (3) |  | 40.5 ± 3.5 (2) |  |  |" in page
    with (tmp_path / TABLE).open(newline="") as file:
        assert [line["encoding"] for line in csv.DictReader(file)] == ["learned", "quantile"]
    for plot in (PLOT, PLACES_PLOT):
        with Image.open(tmp_path / plot) as opened:
            assert opened.format == "PNG" and len(np.unique(np.asarray(opened).reshape(-1, opened.size[0]), axis=0)) > 10


def test_learning_is_set_against_fixed_thresholds_with_the_same_help(tmp_path: Path) -> None:
    rows = []
    for colour, thresholds, seed, learned, fixed in (
        ("gray", 4, 0, 0.40, 0.38),
        ("rgb", 2, 0, 0.45, 0.44),
        ("rgb", 8, 1, 0.5, 0.5),
    ):
        case = Case("dark", colour, thresholds, "learned", seed)
        rows += [row_of(case, 0, learned), row_of(replace(case, encoding="quantile"), 0, fixed)]
    rows += [
        row_of(replace(CASE, encoding="learned-distilled"), 0, 0.5),
        row_of(replace(CASE, encoding="quantile-distilled"), 0, 0.52),
    ]
    rows.append(row_of(replace(CASE, light="day"), 0, 0.6))  # without a pair
    gray, two, eight, plain, distilled = gains(rows)
    assert [(gain.thresholds, gain.pairs, gain.error) for gain in (gray, two, eight)] == [(4, 1, None), (2, 1, None), (8, 1, None)]
    assert gray.ahead == pytest.approx(2.0) and plain.thresholds is None and distilled.thresholds == 4
    assert (plain.light, plain.encoding, plain.against, plain.pairs) == ("dark", "learned", "quantile", 3)
    assert plain.ahead == pytest.approx(1.0) and plain.error == pytest.approx(1 / 3**0.5)
    assert (distilled.against, distilled.pairs, distilled.error) == ("quantile-distilled", 1, None)
    assert distilled.ahead == pytest.approx(-2.0)
    write_page(tmp_path, rows, 6)
    page = (tmp_path / PAGE).read_text()
    assert "| learned | quantile | all |  | +1.0 ± 0.6 (3) |  |" in page
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert "## Variants" in headings and len(set(headings)) == len(headings)


def test_a_damaged_results_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("light,colour\nday,gray\n")
    with pytest.raises(OwlbitError, match=r"results\.csv: expected the rows that this program writes"):
        read_results(Row, tmp_path / "results.csv")
