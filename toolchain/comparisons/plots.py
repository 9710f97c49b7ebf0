"""The plots of a comparison: accuracies, and where thresholds come to lie."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from owlbit.toolchain.comparisons.comparison import Comparison
from owlbit.toolchain.comparisons.means import Mean
from owlbit.toolchain.comparisons.results_file import Row
from owlbit.toolchain.drawing.png import png_figure

INKS = ("#c8553d", "#e0a458", "#2f6690", "#6b7280", "#81a88d", "#8e5ea2", "#16425b", "#b08968")
MARKERS = ("o", "s", "D", "^", "x", "v", "P", "*")
PALE, QUIET = "#d1d5db", "#6b7280"


def draw_accuracy(comparison: Comparison, rows: Sequence[Row], found: Sequence[Mean], path: Path) -> None:
    """Accuracy as PNG: of a single axis a dot per training, of several axes lines of means."""
    what = "test accuracy, %" if any(mean.test for mean in found) else "validation accuracy, %"
    if comparison.others:
        _draw_lines(comparison, found, what, path)
    else:
        _draw_dots(comparison, rows, [mean.values for mean in found], what, path)


def _draw_dots(comparison: Comparison, rows: Sequence[Row], variants: Sequence[tuple[str, ...]], what: str, path: Path) -> None:
    """A line per variant, a dot per seed, a bar at the mean; the baseline's mean runs through all."""
    with png_figure(path, 7, 1.2 + 0.42 * len(variants)) as figure:
        axes = figure.subplots()
        for place, values in enumerate(reversed(variants)):
            own = [100 * row.accuracy for row in rows if row.case.values == values]
            axes.plot(own, [place] * len(own), "o", color=INKS[2], alpha=0.55, markersize=6)
            axes.plot([statistics.fmean(own)] * 2, [place - 0.3, place + 0.3], color="#16425b", linewidth=2)
            if values == (comparison.baseline,):
                axes.axvline(statistics.fmean(own), color=INKS[0], linewidth=1, linestyle="--", zorder=0)
        axes.set_yticks(range(len(variants)), [values[0] for values in reversed(variants)])
        axes.set_ylim(-0.6, len(variants) - 0.4)
        axes.set_xlabel(what)
        axes.grid(axis="x", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)


def _draw_lines(comparison: Comparison, found: Sequence[Mean], what: str, path: Path) -> None:
    """A column of panels per value of the first of the other axes, the last of them along x, rows of panels for those between."""
    others = comparison.others
    columns = _present(comparison, found, others[:-1][:1])
    between = _present(comparison, found, others[1:-1])
    ticks = list(comparison.axes[others[-1]])
    with png_figure(path, 1.6 + 3.2 * len(columns), 1 + 2.9 * len(between)) as figure:
        grid = figure.subplots(len(between), len(columns), sharex=True, squeeze=False)
        handles = {}
        for (down, row), (across, column) in product(enumerate(between), enumerate(columns)):
            axes = grid[down, across]
            choice = {axis: [value] for axis, value in zip(others[:-1], (*column, *row), strict=True)}
            for index, value in enumerate(comparison.plot):
                fitting = {**choice, comparison.compared: [value]}
                own = [(mean.values[comparison.place(others[-1])], mean) for mean in found if comparison.fits(mean.values, fitting)]
                if own:
                    # Ticks are a step apart, values beside each other.
                    beside = 0.07 * (index - (len(comparison.plot) - 1) / 2)
                    shown = [mean.test or mean.validation for _, mean in own]
                    handles[value] = axes.errorbar(
                        [ticks.index(tick) + beside for tick, _ in own],
                        [each.mean for each in shown],
                        [each.deviation or 0 for each in shown],
                        color=INKS[index % len(INKS)],
                        marker=MARKERS[index % len(MARKERS)],
                        markersize=5,
                        linewidth=1.2,
                        capsize=3,
                    )
            _finish(axes, ", ".join((*column, *row)), ticks)
        for axes in grid[-1]:
            axes.set_xlabel(others[-1])
        for axes in grid[:, 0]:
            axes.set_ylabel(what)
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(5, len(handles)), frameon=False)


def draw_bits(comparison: Comparison, found: Sequence[Mean], path: Path) -> bool:
    """Means of accuracy against binary weights as PNG; False where there is nothing to show.

    A line per compared value and value of the first of the other axes, along all the rest: solid for that axis' first value.
    """
    if not comparison.against_bits or not found:
        return False
    first = comparison.others[:1]
    lines = list(product(_present(comparison, found, first), comparison.plot))
    with png_figure(path, 7.2, 4.4) as figure:
        axes = figure.subplots()
        for (outer, value), (index, style) in zip(lines, _styles(comparison, len(lines)), strict=True):
            choice = {comparison.compared: [value], **{axis: [each] for axis, each in zip(first, outer, strict=True)}}
            fitting = [mean for mean in found if comparison.fits(mean.values, choice)]
            own = [(mean.weight_bits[0] / 1000, mean.test or mean.validation) for mean in fitting]
            own.sort(key=lambda point: point[0])
            if own:
                axes.errorbar(
                    [bits for bits, _ in own],
                    [each.mean for _, each in own],
                    [each.deviation or 0 for _, each in own],
                    color=INKS[index % len(INKS)],
                    marker=MARKERS[index % len(MARKERS)],
                    linestyle=style,
                    markersize=5,
                    linewidth=1.2,
                    capsize=3,
                    label=", ".join((*outer, value)),
                )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda bits, _: f"{bits:,.0f}")
        axes.xaxis.set_minor_formatter(lambda bits, _: f"{bits:,.0f}" if str(int(bits))[0] in "235" else "")
        axes.set_xlabel("binary weights, kbit")
        axes.set_ylabel("test accuracy, %" if any(mean.test for mean in found) else "validation accuracy, %")
        axes.grid(alpha=0.25, which="both")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return True


def _styles(comparison: Comparison, lines: int) -> list[tuple[int, str]]:
    """(ink, line style) of each of so many lines, the compared values running faster."""
    each = len(comparison.plot)
    return [(number % each, ("-", "--", ":", "-.")[number // each % 4]) for number in range(lines)]


def _present(comparison: Comparison, found: Sequence[Mean], axes: Sequence[str]) -> list[tuple[str, ...]]:
    """The values on `axes` of which there is something to show, every combination of them; one empty one of no axes."""
    values = [
        [value for value in comparison.axes[axis] if any(mean.values[comparison.place(axis)] == value for mean in found)]
        for axis in axes
    ]
    return list(product(*values))


def _finish(axes: Axes, title: str, ticks: Sequence[str]) -> None:
    if not axes.lines:
        axes.text(0.5, 0.5, "not run", transform=axes.transAxes, ha="center", color=QUIET)
        axes.set_yticks([])
    axes.set_title(title, fontsize="medium")
    axes.set_xticks(range(len(ticks)), list(ticks))
    axes.set_xlim(-0.4, len(ticks) - 0.6)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _with_thresholds(comparison: Comparison, rows: Sequence[Row]) -> tuple[list[Row], list[str], str, list[str]]:
    """(the trainings whose thresholds are drawn, the compared values, the axis that makes panels, its values)."""
    choice = comparison.thresholds_plot
    own = [row for row in rows if choice and row.threshold_values and comparison.fits(row.case.values, choice)]
    axis = comparison.others[0] if comparison.others else comparison.compared
    panels = [value for value in comparison.axes[axis] if any(row.case.values[comparison.place(axis)] == value for row in own)]
    return own, list(choice.get(comparison.compared, comparison.plot)), axis, panels


def draw_tone_curves(comparison: Comparison, rows: Sequence[Row], path: Path) -> bool:
    """Staircases from grey level to code of the chosen trainings of one colour, as PNG; False if there are none.

    A panel per value of the first of the other axes, a line per compared value and seed.
    """
    own, values, axis, panels = _with_thresholds(comparison, rows)
    own = [row for row in own if len(row.threshold_values) == 1]
    if not own:
        return False
    at = comparison.place(comparison.compared)
    with png_figure(path, 1 + 3.2 * len(panels), 3.4) as figure:
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)
        handles = {}
        for axes, panel in zip(grid[0], panels, strict=True):
            for row in own:
                value = row.case.values[at]
                if row.case.values[comparison.place(axis)] != panel or value not in values:
                    continue
                levels = row.threshold_values[0]
                codes = [0, *range(1, len(levels) + 1), len(levels)]
                ink = INKS[comparison.plot.index(value) % len(INKS)] if value in comparison.plot else QUIET
                (handles[value],) = axes.step([0, *levels, 256], codes, where="post", color=ink, linewidth=1.4, alpha=0.75)
            grey, most = np.arange(257), max(len(row.threshold_values[0]) for row in own)
            axes.plot(grey, grey * most / 256, linestyle=(0, (4, 3)), color=PALE, zorder=0)
            axes.set_title(panel, fontsize="medium")
            axes.set_xscale("function", functions=(np.sqrt, np.square))  # dark levels lie close together
            axes.set_xlim(0, 255)
            axes.set_xticks([0, 10, 40, 100, 180, 255])
            axes.set_xlabel("grey level")
            axes.spines[["top", "right"]].set_visible(False)
        grid[0][0].set_ylabel("thresholds reached")
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(5, len(handles)), frameon=False)
    return True


def draw_thresholds(comparison: Comparison, rows: Sequence[Row], path: Path) -> bool:
    """Where the thresholds of the chosen trainings lie, as PNG; False if there are none.

    A panel per value of the first of the other axes, in it a row per compared value and seed, seeds from the top down.
    """
    own, values, axis, panels = _with_thresholds(comparison, rows)
    if not own:
        return False
    at = comparison.place(comparison.compared)
    middle = (len(comparison.seeds) - 1) / 2
    with png_figure(path, 1.6 + 3.2 * len(panels), 0.8 + 0.6 * len(values)) as figure:
        grid = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)
        for axes, panel in zip(grid[0], panels, strict=True):
            for row in own:
                if row.case.values[comparison.place(axis)] == panel and row.case.values[at] in values:
                    value = row.case.values[at]
                    ink = comparison.plot.index(value) % len(INKS) if value in comparison.plot else 3
                    height = values.index(value) + 0.5 * (comparison.seeds.index(row.case.seed) - middle) / max(1, 2 * middle)
                    levels = [level for colour in row.threshold_values for level in colour]
                    axes.plot([0, 255], [height, height], color=PALE, linewidth=0.8, zorder=1)
                    axes.plot(levels, [height] * len(levels), MARKERS[ink], color=INKS[ink], markersize=5, zorder=2)
            axes.set_title(panel, fontsize="medium")
            axes.set_xscale("function", functions=(np.sqrt, np.square))  # dark levels lie close together
            axes.set_xlim(0, 255)
            axes.set_xticks([0, 10, 40, 100, 180, 255])
            axes.set_xlabel("grey level")
            axes.set_yticks(range(len(values)), values)
            axes.set_ylim(len(values) - 0.4, -0.6)
            axes.spines[["top", "right"]].set_visible(False)
    return True
