"""search.html: one self-contained page about a search, with its front, parallel coordinates and the importance of parameters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from owlbit.toolchain.drawing.html import render_page
from owlbit.toolchain.search.axes import axes_of
from owlbit.toolchain.search.candidates import shown
from owlbit.toolchain.search.finals import Final
from owlbit.toolchain.search.front import front_of
from owlbit.toolchain.search.importance import importance
from owlbit.toolchain.search.plots import draw_panels
from owlbit.toolchain.search.records import FINISHED, PRUNED, UNFIT, Trial, study_name
from owlbit.toolchain.search.space_file import ACCURACY, BASELINE, RATE, SearchSpace

if TYPE_CHECKING:
    from owlbit.toolchain.search.measures import Growth

PAGE = "search.html"
TEMPLATE = Path(__file__).with_name("search.html")


def render_search(
    space: SearchSpace,
    trials: Sequence[Trial],
    finals: Sequence[Final],
    growth: Sequence[Growth],
    reasons: Sequence[tuple[str, int]],
) -> str:
    """The page; `reasons`: why candidates were not trained, and how many. At least one trial has finished."""
    from markupsafe import Markup

    from owlbit.toolchain.drawing.svg import DATA, FAINT, SOFT, svg

    inks = {"tpe": DATA[0], "nsga": DATA[3], BASELINE: SOFT, "final": DATA[1], "grid": FAINT}
    finished = [trial for trial in trials if trial.kind == FINISHED]
    front = front_of(trials, space.search.costs)
    names = [name for name in (*space.search.costs, RATE) if name in front[0].figures]
    best = max(finished, key=lambda trial: trial.accuracy)
    return render_page(
        TEMPLATE,
        title=f"Search: {space.name}",
        space=space,
        facts=[
            (f"{len(finished):,}", "trials trained to the end"),
            (f"{best.accuracy:.1%}", "best validation accuracy"),
            (f"{len(front)}", "networks on the Pareto front"),
            (f"{sum(trial.kind == PRUNED for trial in trials):,}", "trials ended early by their curves"),
            (f"{sum(trial.kind == UNFIT for trial in trials):,}", "candidates that do not fit, not trained"),
            (f"{sum(trial.outcome.seconds for trial in trials) / 60:,.0f} min", "of training, all processes together"),
        ],
        plot=svg(7.6, 3.6, lambda figure: draw_panels(figure, space, trials, finals, growth, inks)),
        volumes=[(study_name(each.study), str(len(each.volumes)), f"{each.last:.4f}") for each in growth],
        headings=("trial", "validation", *names),
        front=[(trial.name, f"{trial.accuracy:.2%}", *(shown(trial.figures[name]) for name in names)) for trial in front],
        numeric=tuple(range(1, len(names) + 2)),
        finals=[
            (each.trial.name, f"{each.outcome.accuracy:.2%}", _tested(each), *(shown(each.trial.figures[name]) for name in names))
            for each in finals
        ],
        finals_headings=("network", "validation", "test", *names),
        finals_numeric=tuple(range(1, len(names) + 3)),
        objectives=space.search.objectives,
        importances=_importances(space, finished),
        reasons=[(reason, f"{count:,}") for reason, count in reasons],
        coordinates=Markup(_script_json(_coordinates(space, finished, front))),
    )


def _tested(final: Final) -> str:
    return "no test images" if final.outcome.test is None else f"{final.outcome.test:.2%}"


def _importances(space: SearchSpace, finished: Sequence[Trial]) -> list[tuple[str, list[float | None]]]:
    """By parameter, for each objective; the most important for accuracy first."""
    objectives = [[trial.accuracy for trial in finished]]
    objectives += [[trial.cost(name) for trial in finished] for name in space.search.costs]
    rows = [
        (parameter.key, [importance(parameter, finished, objective) for objective in objectives]) for parameter in space.parameters
    ]
    return sorted(rows, key=lambda row: -(row[1][0] or 0.0))


def _coordinates(space: SearchSpace, finished: Sequence[Trial], front: Sequence[Trial]) -> dict[str, Any]:
    on_front = {trial.name for trial in front}
    return {
        "axes": [axis.as_json() for axis in axes_of(space, finished)],
        "lines": [
            {
                "name": trial.name,
                "front": trial.name in on_front,
                "text": f"{100 * trial.accuracy:.2f} % {ACCURACY}, "
                + ", ".join(f"{shown(trial.cost(name))} {name}" for name in space.search.costs),
            }
            for trial in finished
        ],
    }


def _script_json(content: Any) -> str:
    """JSON that may stand in a script element: nothing in it ends the element."""
    return json.dumps(content).replace("<", "\\u003c")
