"""Monte-Carlo's picture: one panel a sweep, one line a system, its interval as a band."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from owlbit.toolchain.sensing.monte_carlo.measure import Point

MARKS = "osD^vPX*"


def plot_points(points: Sequence[Point], held: str, path: Path) -> None:
    """Writes the picture of `points` to `path`; `held` says what was not swept."""
    sweeps = list(dict.fromkeys(point.sweep for point in points))
    systems = list(dict.fromkeys(point.system for point in points))
    figure = Figure(figsize=(4.6 * len(sweeps), 4.6), layout="constrained")
    axes = figure.subplots(1, len(sweeps), sharey=True, squeeze=False)[0]
    for panel, sweep in zip(axes, sweeps, strict=True):
        for system, mark in zip(systems, MARKS * len(systems), strict=False):
            own = [point for point in points if (point.sweep, point.system) == (sweep, system)]
            values = [point.value for point in own]
            (line,) = panel.plot(values, [100 * point.accuracy for point in own], marker=mark, markersize=4, label=system)
            low, high = [100 * point.low for point in own], [100 * point.high for point in own]
            panel.fill_between(values, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
        smallest = min(point.value for point in points if point.sweep == sweep and point.value > 0)
        panel.set_xscale("symlog", linthresh=smallest) if any(
            point.value == 0 for point in points if point.sweep == sweep
        ) else panel.set_xscale("log")
        panel.set_xlabel(f"{sweep}, {next(point.unit for point in points if point.sweep == sweep)}")
        panel.grid(alpha=0.3)
    axes[0].set_ylabel("accuracy, %")
    axes[0].legend(loc="lower left", fontsize=8)
    figure.suptitle(held, fontsize=9)
    figure.savefig(path, dpi=120, format="png")
