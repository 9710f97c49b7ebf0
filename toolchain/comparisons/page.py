"""README.md of a comparison: its means and differences as tables, its plots, and every change of the recipe."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import tomli_w

from owlbit.export.files import write_text
from owlbit.toolchain.comparisons.comparison import Comparison
from owlbit.toolchain.comparisons.means import Difference, Mean, Spread, differences, means
from owlbit.toolchain.comparisons.plots import draw_accuracy, draw_bits, draw_thresholds, draw_tone_curves
from owlbit.toolchain.comparisons.results_file import Row

PAGE, PLOT, THRESHOLDS_PLOT, BITS_PLOT = "README.md", "accuracy.png", "thresholds.png", "bits.png"
CURVES_PLOT = "tone_curves.png"

INTRODUCTION = """Made by `owlbit compare models/comparisons/{name}.toml --out {out}`: {count} trainings, {minutes} minutes in total
without the training of float teachers. Every training uses the recipe at the end of this page; the sections before it list what
each value of {axes} changes. A seed sets the weights, the order and the augmentation of the images. The epoch is chosen on the
validation images; the test images are evaluated once, by the finished network.
[results.csv](results.csv) has one row per training."""

CELLS = """Cells: mean in percent ± sample standard deviation over seeds (number of seeds). "Ahead" is the mean difference to
"{baseline}" at the same seed, in percentage points. ± is the spread over seeds, not the error of the mean: a difference below one
or two of these deviations is not significant."""

DIFFERENCES = """Every pair of trainings that differ only in {compared}, with the same {others} and seed: mean difference of
accuracy in percentage points ± its standard error (number of pairs). A difference below two standard errors is not significant."""

THRESHOLDS = """The final thresholds of the trainings with {choice}, on a square-root scale of grey levels; one row per training,
seeds from top to bottom."""


CURVES = """The same thresholds as tone curves: the number of thresholds that a grey level reaches, one line per training. Where a
curve is steep, the network distinguishes grey levels. Evenly spaced thresholds follow the dashed line."""


def write_page(out: Path, comparison: Comparison, rows: Sequence[Row]) -> None:
    """Writes README.md and the plots into `out`, each whole or not at all; nothing where there are no rows."""
    if not rows:
        return
    found = means(comparison, rows)
    draw_accuracy(comparison, rows, found, out / PLOT)
    introduction = INTRODUCTION.format(
        name=comparison.name,
        out=out.as_posix(),
        count=len(rows),
        minutes=round(sum(row.seconds for row in rows) / 60),
        axes=", ".join(comparison.axes),
    )
    parts = [f"# {comparison.title}", _wrapped(introduction), *([comparison.about.strip()] if comparison.about else [])]
    parts += [f"![Accuracy of every {'combination' if comparison.others else 'training'}]({PLOT})"]
    if draw_bits(comparison, found, out / BITS_PLOT):
        parts += [f"![Accuracy against binary weights]({BITS_PLOT})"]
    parts += [_wrapped(CELLS.format(baseline=comparison.baseline)), _means(comparison, found)]
    if comparison.others and (paired := differences(comparison, rows)):
        others = ", ".join(comparison.others)
        text = _wrapped(DIFFERENCES.format(compared=comparison.compared, others=others))
        parts += [f"## Differences along {comparison.compared}", text, _differences(comparison, paired)]
    if draw_thresholds(comparison, rows, out / THRESHOLDS_PLOT):
        choice = "; ".join(f"{axis} {', '.join(values)}" for axis, values in comparison.thresholds_plot.items())
        text = _wrapped(THRESHOLDS.format(choice=choice))
        parts += ["## Final thresholds", f"![Grey levels of the thresholds]({THRESHOLDS_PLOT})", text]
    if draw_tone_curves(comparison, rows, out / CURVES_PLOT):
        parts += [f"![Codes by grey level]({CURVES_PLOT})", _wrapped(CURVES)]
    parts += _changes(comparison, rows)
    parts.append(f"## The recipe\n\n```toml\n{tomli_w.dumps(comparison.shared)}```\n")
    write_text(out / PAGE, "\n\n".join(parts))


def _wrapped(text: str) -> str:
    return textwrap.fill(text.replace("\n", " "), 132, break_long_words=False, break_on_hyphens=False)


def _means(comparison: Comparison, found: Sequence[Mean]) -> str:
    headings = (*comparison.axes, "weights, bits", "epochs", "validation", "test", "ahead", "minutes")
    lines = [
        (
            *mean.values,
            " / ".join(f"{bits:,}" for bits in mean.weight_bits),
            " / ".join(map(str, mean.epochs)),
            f"{_cell(mean.validation)} ({mean.validation.count})",
            _cell(mean.test),
            _cell(mean.ahead, "+"),
            f"{mean.minutes:.1f}",
        )
        for mean in found
    ]
    return _table(headings, lines)


def _differences(comparison: Comparison, found: Sequence[Difference]) -> str:
    """A line per value and value of the last other axis, a column per value of the first."""
    others = comparison.others
    columns = list(comparison.axes[others[0]]) if len(others) > 1 else ["ahead"]
    order = [*comparison.axes[others[-1]], None]
    keys = sorted(
        {(each.value, each.against, each.line) for each in found},
        key=lambda key: (list(comparison.axes[comparison.compared]).index(key[0]), order.index(key[2])),
    )
    cells = {(each.value, each.line, each.column or "ahead"): each for each in found}
    lines = []
    for value, against, line in keys:
        texts = []
        for column in columns:
            one = cells.get((value, line, column))
            texts.append(f"{_cell(one.ahead, '+', error=True)} ({one.ahead.count})" if one else "")
        lines.append((value, against, line or "all", *texts))
    return _table((comparison.compared, "against", others[-1], *columns), lines)


def _table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, *lines)).replace("\n", f"\n|{'---|' * len(headings)}\n", 1)


def _cell(found: Spread | None, sign: str = "", *, error: bool = False) -> str:
    if found is None:
        return ""
    beside = found.error if error else found.deviation
    return f"{found.mean:{sign}.1f}" + ("" if beside is None else f" ± {beside:.1f}")


def _changes(comparison: Comparison, rows: Sequence[Row]) -> list[str]:
    """What each value changes in the recipe, for the values that were trained."""
    parts = []
    for place, (axis, values) in enumerate(comparison.axes.items()):
        shown = {value: change for value, change in values.items() if any(row.case.values[place] == value for row in rows)}
        if comparison.others:
            parts.append(f"## {axis.capitalize()}\n\n```toml\n{tomli_w.dumps(shown)}```")
            continue
        parts.append(f"## {axis.capitalize()}s")
        for value, change in shown.items():
            text = f"```toml\n{tomli_w.dumps(change)}```" if change else "The recipe without changes."
            parts.append(f"### {value}\n\n{text}")
    return parts
