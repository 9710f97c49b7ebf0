"""What `owlbit.toolchain.compare_recipes` shows: README.md with a table of means over seeds, and a plot with every seed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import tomli_w

from owlbit.export.files import write_text
from owlbit.toolchain.compare_recipes import Row
from owlbit.toolchain.comparison import Comparison
from owlbit.toolchain.png_figure import png_figure

PAGE, PLOT = "README.md", "accuracy.png"

INTRODUCTION = """# {title}

Made by `python -m owlbit.toolchain.compare_recipes models/comparisons/{name}.toml --out {out}`; {count} trainings, {minutes} minutes
in all, teachers' own epochs not counted. Every training begins with the recipe at the end of this page and has the same epochs; a
variant changes what its entry below says. Seeds differ in weights, order and variations of the images. The validation images choose
the epoch; the test images are looked at once, by the finished network. [results.csv](results.csv) has every training.

![Test accuracy of every training]({plot})

Cells: mean in percent ± sample standard deviation over seeds (number of seeds). "Ahead" is the mean difference to "{baseline}" at
the same seed, in points; ± says how much seeds differ, so a difference below one or two of them is none.
"""


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
