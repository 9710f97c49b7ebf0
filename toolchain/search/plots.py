"""pareto.png of a search: accuracy against each cost, the front of every study, and the volume over the trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from owlbit.toolchain.search.candidates import shown
from owlbit.toolchain.search.finals import Final
from owlbit.toolchain.search.front import front_of
from owlbit.toolchain.search.records import FINISHED, Trial
from owlbit.toolchain.search.space_file import BASELINE, COSTS, SearchSpace

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from owlbit.toolchain.search.measures import Growth

PLOT = "pareto.png"
INKS = {"tpe": "#b86e00", "nsga": "#2f62ad", BASELINE: "#8a929a", "final": "#c0392b", "grid": "#d5d0c4"}


def draw_front(path: Path, space: SearchSpace, trials: Sequence[Trial], finals: Sequence[Final], growth: Sequence[Growth]) -> None:
    """Draws a panel per cost and one of the hypervolume, as PNG."""
    from owlbit.toolchain.drawing.png import png_figure

    with png_figure(path, 5.0 * (len(space.search.costs) + 1), 4.2) as figure:
        draw_panels(figure, space, trials, finals, growth, INKS)


def draw_panels(
    figure: Figure,
    space: SearchSpace,
    trials: Sequence[Trial],
    finals: Sequence[Final],
    growth: Sequence[Growth],
    inks: Mapping[str, str],
) -> None:
    """The panels on `figure`; `inks`: a colour per sampler, one for "final" and one for "grid"."""
    from matplotlib.ticker import MaxNLocator

    costs = space.search.costs
    panels = figure.subplots(1, len(costs) + 1, squeeze=False)[0]
    for axes, cost in zip(panels, costs, strict=False):
        _draw_cost(axes, cost, trials, finals, inks)
    for each in growth:
        panels[-1].plot(range(1, len(each.volumes) + 1), each.volumes, color=inks[each.study[0]], linewidth=1.4)
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[-1].set_xlabel("trials")
    panels[-1].set_ylabel("dominated hypervolume")
    handles: dict[str, Artist] = {}
    for axes in panels:
        axes.grid(color=inks["grid"], alpha=0.5, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        found, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, found, strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(6, len(handles)), frameon=False)


def _draw_cost(axes: Axes, cost: str, trials: Sequence[Trial], finals: Sequence[Final], inks: Mapping[str, str]) -> None:
    for study in dict.fromkeys(trial.study for trial in trials):
        own = [trial for trial in trials if trial.study == study and trial.kind == FINISHED]
        ink = inks[study[0]]
        axes.plot(
            [trial.cost(cost) for trial in own], [100 * trial.accuracy for trial in own], ".", color=ink, alpha=0.35, zorder=1
        )
        front = front_of(own, (cost,))
        costs, heights = [trial.cost(cost) for trial in front], [100 * trial.accuracy for trial in front]
        axes.step(costs, heights, where="post", color=ink, linewidth=1.4, label=f"front by {study[0]}", zorder=2)
    for before, marker, label in ((False, "D", "final, test images"), (True, "s", "before the search, test images")):
        tested = [each for each in finals if each.outcome.test is not None and each.trial.is_before == before]
        if not tested:
            continue
        heights = [100 * (each.outcome.test or 0.0) for each in tested]
        places = [each.trial.cost(cost) for each in tested]
        fill = "none" if before else inks["final"]
        axes.plot(places, heights, marker, color=inks["final"], markerfacecolor=fill, markersize=6, label=label, zorder=3)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: shown(value))
    axes.xaxis.set_minor_formatter(lambda value, _: shown(value) if f"{value:e}"[0] in "235" else "")
    axes.set_xlabel(COSTS[cost])
    axes.set_ylabel("accuracy, %")
    accuracies = sorted(100 * trial.accuracy for trial in trials if trial.kind == FINISHED)
    axes.set_ylim(bottom=max(0.0, accuracies[len(accuracies) // 5] - 3))  # a bad start would flatten all others
