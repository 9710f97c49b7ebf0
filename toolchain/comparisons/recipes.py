"""Techniques against their absence: `owlbit compare FILE --out DIR` trains every variant.

`results.csv` in the output folder gets a row as soon as a training has finished, and table and plot are drawn again; what has a row
is skipped by the next call. See `owlbit.toolchain.comparisons.comparison_file` for the file, `models/comparisons/` for whole ones.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli_w
from rich.console import Console

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.toolchain.comparisons.comparison_file import Comparison
from owlbit.toolchain.comparisons.results_file import RESULTS, read_results, write_results
from owlbit.toolchain.comparisons.train_many import Job, train_many
from owlbit.toolchain.drawing.png import png_figure
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.runs.run_folder import Result

PAGE, PLOT = "README.md", "accuracy.png"

INTRODUCTION = """# {title}

Made by `owlbit compare models/comparisons/{name}.toml --out {out}`; {count} trainings, {minutes}
minutes in all, teachers' own epochs not counted. Every training begins with the recipe at the end of this page and has the same
epochs; a variant changes what its entry below says. Seeds differ in weights, order and variations of the images. The validation
images choose the epoch; the test images are looked at once, by the finished network. [results.csv](results.csv) has every training.

![Test accuracy of every training]({plot})

Cells: mean in percent ± sample standard deviation over seeds (number of seeds). "Ahead" is the mean difference to "{baseline}" at
the same seed, in points; ± says how much seeds differ, so a difference below one or two of them is none.
"""


@dataclass(frozen=True)
class Row:
    """A finished training, as in results.csv. Accuracies are shares 0..1, `test` -1 where there are no test images; `seconds`: of
    its epochs, a teacher's not counted; `weight_bits`: of the network that it ended with."""

    variant: str
    seed: int
    epochs: int
    validation: float
    test: float
    weight_bits: int
    seconds: float


def row_of(variant: str, seed: int, result: Result) -> Row:
    """What a finished training adds to results.csv."""
    test = -1.0 if result.test_accuracy is None else result.test_accuracy
    return Row(variant, seed, result.epochs, result.validation_accuracy, test, result.weight_bits, result.seconds)


def compare(
    comparison: Comparison, data: Path | None, out: Path, runs: Path, only: Sequence[str], *, at_once: int, console: Console
) -> list[Row]:
    """Trains what results.csv lacks, of the variants `only` or of all, and draws the page after each; returns all rows.

    Every recipe is read before the first is trained. Raises OwlbitError.
    """
    for name in only:
        if name not in comparison.variants:
            raise OwlbitError(f'--only: expected variants of {", ".join(comparison.variants)}, got "{name}"')
    rows = read_results(Row, out / RESULTS)
    for row in rows:
        if row.variant not in comparison.variants:
            raise OwlbitError(f'{out / RESULTS}: expected variants of this comparison, got "{row.variant}"; choose another --out')
    done = {(row.variant, row.seed) for row in rows}
    todo = [(name, seed) for seed in comparison.seeds for name in comparison.variants if not only or name in only]
    jobs = {Job(f"{name}-{seed}", comparison.recipe(name, seed)): (name, seed) for name, seed in todo if (name, seed) not in done}
    for job in jobs:
        write_text(runs / f"{job.name}.toml", job.recipe)
        load_recipe(runs / f"{job.name}.toml")
    console.print(f"{len(todo) - len(jobs)} of {len(todo)} trainings are there already", highlight=False)
    for count, (job, result) in enumerate(train_many(list(jobs), data, runs, at_once=at_once), 1):
        rows.append(row_of(*jobs[job], result))
        write_results(out / RESULTS, rows)
        write_page(out, comparison, rows)
        figures = f"validation {rows[-1].validation:.1%}, {rows[-1].seconds:.0f} s"
        console.print(f"{count} of {len(jobs)}: {job.name}: {figures}", highlight=False)
    write_page(out, comparison, rows)
    return rows


def write_page(out: Path, comparison: Comparison, rows: Sequence[Row]) -> None:
    """Writes README.md and accuracy.png into `out`, each whole or not at all; nothing where there are no rows."""
    if not rows:
        return
    names = [name for name in comparison.variants if any(row.variant == name for row in rows)]
    draw(comparison, rows, names, out / PLOT)
    lines = ["| variant | weights, bits | epochs | validation | test | ahead | minutes |", "|---|---|---|---|---|---|---|"]
    lines += [_line(comparison, rows, name) for name in names]
    changes = [f"### {name}\n\n{_changes(comparison, name)}\n" for name in names]
    head = INTRODUCTION.format(
        title=comparison.title,
        name=comparison.name,
        out=out.as_posix(),
        count=len(rows),
        minutes=round(sum(row.seconds for row in rows) / 60),
        plot=PLOT,
        baseline=comparison.baseline,
    )
    recipe = tomli_w.dumps(comparison.shared)
    parts = [head, "\n".join(lines) + "\n", "## Variants\n", *changes, f"## The recipe\n\n```toml\n{recipe}```\n"]
    write_text(out / PAGE, "\n".join(parts))


def _changes(comparison: Comparison, name: str) -> str:
    table = comparison.changes[name]
    return f"```toml\n{tomli_w.dumps(table)}```" if table else "The recipe as it is."


def _line(comparison: Comparison, rows: Sequence[Row], name: str) -> str:
    own = [row for row in rows if row.variant == name]
    theirs = {row.seed: row for row in rows if row.variant == comparison.baseline}
    ahead = [100 * (accuracy(row) - accuracy(theirs[row.seed])) for row in own if row.seed in theirs]
    cells = [
        name,
        " / ".join(f"{bits:,}" for bits in sorted({row.weight_bits for row in own})),
        " / ".join(str(epochs) for epochs in sorted({row.epochs for row in own})),
        _cell([100 * row.validation for row in own]) + f" ({len(own)})",
        _cell([100 * row.test for row in own if row.test >= 0]),
        "" if name == comparison.baseline or not ahead else _cell(ahead, sign="+"),
        f"{statistics.fmean(row.seconds for row in own) / 60:.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


def accuracy(row: Row) -> float:
    """On the test images, or on the validation images where there are none; 0..1."""
    return row.validation if row.test < 0 else row.test


def _cell(values: Sequence[float], sign: str = "") -> str:
    if not values:
        return ""
    return f"{statistics.fmean(values):{sign}.1f}" + (f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else "")


def draw(comparison: Comparison, rows: Sequence[Row], names: Sequence[str], path: Path) -> None:
    """Accuracy as PNG: a line a variant, a dot a seed, a bar at the mean; the baseline's mean runs through all."""
    with png_figure(path, 7, 1.2 + 0.42 * len(names)) as figure:
        axes = figure.subplots()
        for place, name in enumerate(reversed(names)):
            own = [100 * accuracy(row) for row in rows if row.variant == name]
            axes.plot(own, [place] * len(own), "o", color="#2f6690", alpha=0.55, markersize=6)
            axes.plot([statistics.fmean(own)] * 2, [place - 0.3, place + 0.3], color="#16425b", linewidth=2)
            if name == comparison.baseline:
                axes.axvline(statistics.fmean(own), color="#c8553d", linewidth=1, linestyle="--", zorder=0)
        axes.set_yticks(range(len(names)), list(reversed(names)))
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.set_xlabel("test accuracy, %" if any(row.test >= 0 for row in rows) else "validation accuracy, %")
        axes.grid(axis="x", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
