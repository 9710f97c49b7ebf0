"""The plots of `owlbit.toolchain.comparisons.encodings`: accuracy by number of thresholds, and where thresholds come to lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from owlbit.toolchain.comparisons.encodings_cases import COLOURS, MAIN, THRESHOLDS, Row
from owlbit.toolchain.comparisons.encodings_means import Mean
from owlbit.toolchain.drawing.png import png_figure
from owlbit.toolchain.recipes.data import LIGHTS

INKS = ("#c8553d", "#e0a458", "#2f6690", "#6b7280", "#81a88d")  # of MAIN
MARKERS = ("o", "s", "D", "^", "x")
PLACED = ("uniform", "quantile", "learned", "learned-from-uniform")  # from the top down


def draw_accuracy(summary: Sequence[Mean], path: Path) -> None:
    """Test accuracy by number of thresholds as PNG: a row of panels a colour, a column a light, a line an encoding of MAIN."""
    colours = [colour for colour in COLOURS if any(mean.colour == colour for mean in summary)]
    lights = [light for light in LIGHTS if any(mean.light == light for mean in summary)]
    with png_figure(path, 1.6 + 3.2 * len(lights), 1 + 2.9 * len(colours)) as figure:
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
                if not axes.lines:
                    axes.text(0.5, 0.5, "not run", transform=axes.transAxes, ha="center", color="#6b7280")
                    axes.set_yticks([])
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


def draw_places(rows: Sequence[Row], path: Path) -> bool:
    """Where four thresholds lie on gray images as PNG, a panel a light, a row an encoding and seed; False if there are none."""
    found = [row for row in rows if (row.colour, row.thresholds) == ("gray", 4) and row.encoding in PLACED]
    lights = [light for light in LIGHTS if any(row.light == light for row in found)]
    if not found:
        return False
    with png_figure(path, 1.6 + 3.2 * len(lights), 3.2) as figure:
        grid = figure.subplots(1, len(lights), sharex=True, sharey=True, squeeze=False)
        for axes, light in zip(grid[0], lights, strict=True):
            for row in found:
                if row.light == light:
                    ink = MAIN.index(row.encoding)
                    levels = [int(level) for level in row.places.split()]
                    height = PLACED.index(row.encoding) + 0.25 * (row.seed - 1)
                    axes.plot([0, 255], [height, height], color="#d1d5db", linewidth=0.8, zorder=1)
                    axes.plot(levels, [height] * len(levels), MARKERS[ink], color=INKS[ink], markersize=5, zorder=2)
            axes.set_title(f"{light}, gray", fontsize="medium")
            axes.set_xscale("function", functions=(np.sqrt, np.square))  # dark levels lie close together
            axes.set_xlim(0, 255)
            axes.set_xticks([0, 10, 40, 100, 180, 255])
            axes.set_xlabel("grey level")
            axes.set_yticks(range(len(PLACED)), PLACED)
            axes.set_ylim(len(PLACED) - 0.4, -0.6)
            axes.spines[["top", "right"]].set_visible(False)
    return True
