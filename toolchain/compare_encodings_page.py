"""What `toolchain.compare_encodings` shows: README.md and table.csv of means over seeds, and a plot with error bars."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from export.atomic import replacing, write_text
from toolchain.compare_encodings import COLOURS, INPUTS, MAIN, RECIPE, THRESHOLDS, Row
from toolchain.light import LIGHTS

PAGE, TABLE, PLOT = "README.md", "table.csv", "encodings.png"
BASELINE = "quantile"
INKS = ("#c8553d", "#e0a458", "#2f6690", "#6b7280", "#81a88d")  # of MAIN
MARKERS = ("o", "s", "D", "^", "x")

INTRODUCTION = """# Input encodings on CIFAR-10

Made by `python -m toolchain.compare_encodings --data DIR --out docs/encodings`; {count} trainings so far, {minutes} minutes of
one thread. Every training has the same network, a fully-binarised 32-P-64-P-128-P on 16x16 images, and the same budget of {epochs}
epochs; seeds differ in weights, order and mirroring. 5,000 of the training images choose the epoch; the 10,000 test images are
looked at once, by the finished network. [results.csv](results.csv) has every training, [table.csv](table.csv) every mean.

![Test accuracy by number of thresholds, for each light and colour]({plot})

Cells: mean in percent ± sample standard deviation over seeds (number of seeds). "day" is the data as it is; "dark" and "mixed" are
made by [toolchain/light.py](../../toolchain/light.py) in training, validation and test alike. Bars and ± say how much seeds
differ, not how far the mean may be off; a difference below one or two of them is none.
"""
VARIANTS = """## Variants

`shared`: one set of thresholds for all colours. `narrowing`: a gradient window four times as wide at first. `slow` and `fast`:
1 and 20 in place of 5 for `threshold_rate`. `distilled`: taught by a float network of the same layers, with as many epochs of its
own. "Ahead" is the mean difference of test accuracy to quantile thresholds at the same seed, in points.
"""


@dataclass(frozen=True)
class Mean:
    """Of one combination over its seeds. Accuracies in percent; standard deviations are None for one seed.

    `ahead`: of the test accuracy of quantile thresholds, mean of the differences at the same seed; None without such a pair.
    """

    light: str
    colour: str
    thresholds: int
    encoding: str
    seeds: int
    validation: float
    validation_deviation: float | None
    test: float
    test_deviation: float | None
    ahead: float | None
    ahead_deviation: float | None


def means(rows: Sequence[Row]) -> list[Mean]:
    """One entry a combination, in the order light, colour, thresholds, encoding."""
    tests = {row.case: 100 * row.test for row in rows}
    found: dict[tuple[str, str, int, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.light, row.colour, row.thresholds, row.encoding), []).append(row)
    summary = []
    for key, group in found.items():
        pairs = [(100 * row.test, tests.get(row.with_encoding(BASELINE))) for row in group]
        ahead = [own - other for own, other in pairs if other is not None]
        validation, test = ([100 * getattr(row, part) for row in group] for part in ("validation", "test"))
        figures = (_mean(validation), _deviation(validation), _mean(test), _deviation(test), _mean(ahead), _deviation(ahead))
        summary.append(Mean(*key, len(group), *figures))  # type: ignore[arg-type]  # the first three are never empty
    encodings = list(INPUTS)
    return sorted(
        summary,
        key=lambda mean: (LIGHTS.index(mean.light), COLOURS.index(mean.colour), mean.thresholds, encodings.index(mean.encoding)),
    )


def _mean(values: Sequence[float]) -> float | None:
    return round(statistics.fmean(values), 2) if values else None


def _deviation(values: Sequence[float]) -> float | None:
    return round(statistics.stdev(values), 2) if len(values) > 1 else None


def write_page(out: Path, rows: Sequence[Row], epochs: int) -> None:
    """Writes README.md, table.csv and encodings.png into `out`, each whole or not at all; nothing where there are no rows."""
    if not rows:
        return
    summary = means(rows)
    with replacing(out / TABLE) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Mean))
        writer.writerows(astuple(mean) for mean in summary)
    draw(summary, out / PLOT)
    minutes = round(sum(row.seconds for row in rows) / 60)
    parts = [INTRODUCTION.format(count=len(rows), minutes=minutes, epochs=epochs, plot=PLOT)]
    parts += [
        "## Test accuracy\n\n" + pivot(summary, MAIN, "test"),
        "## Validation accuracy\n\nFor choosing a recipe.\n\n" + pivot(summary, MAIN, "validation"),
    ]
    rest = [encoding for encoding in INPUTS if encoding not in MAIN and any(mean.encoding == encoding for mean in summary)]
    if rest:
        parts.append(
            "## Variants\n\n" + VARIANTS + "\n" + long_table(summary, ["learned", "learned-from-uniform", BASELINE, *rest])
        )
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


def draw(summary: Sequence[Mean], path: Path) -> None:
    """Test accuracy by number of thresholds as PNG: a row of panels a colour, a column a light, a line an encoding of MAIN."""
    colours = [colour for colour in COLOURS if any(mean.colour == colour for mean in summary)]
    lights = [light for light in LIGHTS if any(mean.light == light for mean in summary)]
    figure = Figure(figsize=(1.6 + 3.2 * len(lights), 1 + 2.9 * len(colours)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(colours), len(lights), sharex=True, squeeze=False)
    handles = {}
    for down, colour in enumerate(colours):
        for across, light in enumerate(lights):
            axes = grid[down, across]
            for index, encoding in enumerate(MAIN):
                found = [mean for mean in summary if (mean.colour, mean.light, mean.encoding) == (colour, light, encoding)]
                if found:
                    # Levels are a step apart, encodings beside each other.
                    places = [sorted(THRESHOLDS).index(mean.thresholds) + 0.07 * (index - 2) for mean in found]
                    handles[encoding] = axes.errorbar(
                        places,
                        [mean.test for mean in found],
                        [mean.test_deviation or 0 for mean in found],
                        color=INKS[index],
                        marker=MARKERS[index],
                        markersize=5,
                        linewidth=1.2,
                        capsize=3,
                    )
            axes.set_title(f"{light}, {colour}", fontsize="medium")
            axes.set_xticks(range(len(THRESHOLDS)), [str(count) for count in sorted(THRESHOLDS)])
            axes.set_xlim(-0.4, len(THRESHOLDS) - 0.6)
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("thresholds a colour")
    for axes in grid[:, 0]:
        axes.set_ylabel("test accuracy, %")
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(MAIN), frameon=False)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")
