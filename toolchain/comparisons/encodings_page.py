"""What `owlbit.toolchain.comparisons.encodings` shows: README.md and table.csv of means over seeds, and its plots."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from owlbit.export.files import replacing, write_text
from owlbit.toolchain.comparisons.encodings_cases import INPUTS, MAIN, RECIPE, Row
from owlbit.toolchain.comparisons.encodings_means import BASELINE, Gain, Mean, gains, means
from owlbit.toolchain.comparisons.encodings_plots import draw_accuracy, draw_places
from owlbit.toolchain.recipes.data import LIGHTS

PAGE, TABLE, PLOT, PLACES_PLOT = "README.md", "table.csv", "encodings.png", "thresholds.png"

INTRODUCTION = """# Input encodings on CIFAR-10

Made by `owlbit compare-encodings --data DIR --out docs/encodings`; {count} trainings so far, {minutes}
minutes of one thread. Every training has the same network, a fully-binarised 32-P-64-P-128-P on 16x16 images, and the same budget
of {epochs} epochs; seeds differ in weights, order and mirroring. 5,000 of the training images choose the epoch; the 10,000 test
images are looked at once, by the finished network. [results.csv](results.csv) has every training, [table.csv](table.csv) every
mean.

![Test accuracy by number of thresholds, for each light and colour]({plot})

Cells: mean in percent ± sample standard deviation over seeds (number of seeds). "day" is the data as it is; "dark" and "mixed" are
made by [toolchain/data/illumination.py](../../toolchain/data/illumination.py) in training, validation and test
alike. Bars and ± say how much seeds differ, not how far the mean may be off; a difference below one or two of them is none.
"""
LEARNING = """## Learning against quantiles

Every pair of a learned thermometer and one fixed at quantiles that share light, colour, T and seed, gray and rgb together: mean
difference of test accuracy in points ± its standard error (pairs). One below two standard errors is none that these trainings show.
"""
PLACES = """## Where thresholds come to lie

![Grey levels of four thresholds, gray images, by encoding and seed, for each light]({plot})

Four thresholds, gray images, grey levels on a square-root scale; a row a training, seeds from the top down.
"""
VARIANTS = """## Variants

`shared`: one set of thresholds for all colours. `narrowing`: a gradient window four times as wide at first. `slow` and `fast`:
1 and 20 in place of 5 for `threshold_rate`. `distilled`: taught by a float network of the same layers, with as many epochs of its
own. "Ahead" is the mean difference of test accuracy to quantile thresholds at the same seed, in points.
"""


def write_page(out: Path, rows: Sequence[Row], epochs: int) -> None:
    """Writes README.md, table.csv and the two plots into `out`, each whole or not at all; nothing where there are no rows."""
    if not rows:
        return
    summary, learning = means(rows), gains(rows)
    with replacing(out / TABLE) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Mean))
        writer.writerows(astuple(mean) for mean in summary)
    draw_accuracy(summary, out / PLOT)
    placed = draw_places(rows, out / PLACES_PLOT)
    minutes = round(sum(row.seconds for row in rows) / 60)
    parts = [INTRODUCTION.format(count=len(rows), minutes=minutes, epochs=epochs, plot=PLOT)]
    parts += [
        "## Test accuracy\n\n" + pivot(summary, MAIN, "test"),
        *([LEARNING + "\n" + gain_table(learning)] if learning else []),
        *([PLACES.format(plot=PLACES_PLOT)] if placed else []),
        "## Validation accuracy\n\nFor choosing a recipe.\n\n" + pivot(summary, MAIN, "validation"),
    ]
    rest = [encoding for encoding in INPUTS if encoding not in MAIN and any(mean.encoding == encoding for mean in summary)]
    if rest:
        parts.append(VARIANTS + "\n" + long_table(summary, ["learned", "learned-from-uniform", BASELINE, *rest]))
    parts.append("## The recipe\n\nWith the parts in braces filled in:\n\n```toml\n" + RECIPE + "\n```\n")
    write_text(out / PAGE, "\n".join(parts))


def pivot(summary: Sequence[Mean], encodings: Sequence[str], part: str) -> str:
    """A line a combination of light, colour and thresholds, a column an encoding, in Markdown. `part`: "test" or "validation"."""
    cells: dict[tuple[str, str, int], dict[str, str]] = {}
    for mean in summary:
        if mean.encoding in encodings:
            text = _cell(getattr(mean, part), getattr(mean, part + "_deviation"), mean.seeds)
            cells.setdefault((mean.light, mean.colour, mean.thresholds), {})[mean.encoding] = text
    lines = ["| light | colour | T | " + " | ".join(encodings) + " |", "|---|---|---|" + "---|" * len(encodings)]
    for key, line in cells.items():
        lines.append(f"| {' | '.join(map(str, key))} | " + " | ".join(line.get(encoding, "") for encoding in encodings) + " |")
    return "\n".join(lines) + "\n"


def gain_table(found: Sequence[Gain]) -> str:
    """A line an encoding and number of thresholds, a column a light, in Markdown."""
    cells: dict[tuple[str, str, int | None], dict[str, str]] = {}
    for gain in found:
        text = f"{_cell(gain.ahead, gain.error, None)} ({gain.pairs})"
        cells.setdefault((gain.encoding, gain.against, gain.thresholds), {})[gain.light] = text
    lines = ["| encoding | against | T | " + " | ".join(LIGHTS) + " |", "|---|---|---|" + "---|" * len(LIGHTS)]
    for key in sorted(cells, key=lambda key: (list(INPUTS).index(key[0]), key[2] or 999)):
        encoding, against, thresholds = key
        texts = " | ".join(cells[key].get(light, "") for light in LIGHTS)
        lines.append(f"| {encoding} | {against} | {thresholds or 'all'} | {texts} |")
    return "\n".join(lines) + "\n"


def long_table(summary: Sequence[Mean], encodings: Sequence[str]) -> str:
    """A line a mean, in Markdown, of the combinations that have more than what is in the main tables."""
    special = {(mean.light, mean.colour, mean.thresholds) for mean in summary if mean.encoding not in MAIN}
    lines = ["| light | colour | T | encoding | validation | test | ahead of quantile |", "|---|---|---|---|---|---|---|"]
    for mean in summary:
        if mean.encoding in encodings and (mean.light, mean.colour, mean.thresholds) in special:
            validation = _cell(mean.validation, mean.validation_deviation, mean.seeds)
            test = _cell(mean.test, mean.test_deviation, mean.seeds)
            ahead = "" if mean.ahead is None or mean.encoding == BASELINE else _cell(mean.ahead, mean.ahead_deviation, None)
            lines.append(
                f"| {mean.light} | {mean.colour} | {mean.thresholds} | {mean.encoding} | {validation} | {test} | {ahead} |"
            )
    return "\n".join(lines) + "\n"


def _cell(mean: float, deviation: float | None, seeds: int | None) -> str:
    sign = "" if seeds is not None else "+"  # a difference has its sign written
    text = f"{mean:{sign}.1f}" + ("" if deviation is None else f" ± {deviation:.1f}")
    return text if seeds is None else f"{text} ({seeds})"
