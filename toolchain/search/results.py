"""What a search leaves in its folder: tables, a plot, a page, and the recipes of the Pareto front.

trials.csv         every candidate that was judged: what was chosen, what it costs, how its training ended
front.csv          the Pareto front, a row per trial
front/NAME.toml    the recipe of each, ready for `owlbit train`
final/NAME/        the run folders of the final trainings; finals.csv: their accuracies
volumes.csv        the hypervolume of every study, after each trial
pareto.png, search.html
study.journal      Optuna's journal, from which all of this is made
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from owlbit.export.files import replacing, write_text
from owlbit.toolchain.search.finals import Final, write_front_recipes
from owlbit.toolchain.search.front import front_of
from owlbit.toolchain.search.measures import figure_names, growths, unfit_reasons
from owlbit.toolchain.search.page import PAGE, render_search
from owlbit.toolchain.search.plots import PLOT, draw_front
from owlbit.toolchain.search.records import Trial
from owlbit.toolchain.search.space_file import SearchSpace

TRIALS, FRONT_TABLE, FINALS, VOLUMES = "trials.csv", "front.csv", "finals.csv", "volumes.csv"


def write_results(folder: Path, space: SearchSpace, trials: Sequence[Trial], finals: Sequence[Final] = ()) -> None:
    """Writes everything but the journal, each file whole or not at all; plots only where a trial has finished."""
    costs = space.search.costs
    front = front_of(trials, costs)
    keys = [parameter.key for parameter in space.parameters]
    names = figure_names(trials)
    _write_csv(
        folder / TRIALS,
        [*_HEAD, "kind", *names, *keys, "curve", "seconds", "engine_seconds", "note"],
        [
            [*_head(trial), trial.kind, *_figures(trial, names), *_values(trial, keys), *_ending(trial)]
            for trial in sorted(trials, key=lambda trial: (trial.study, trial.number))
        ],
    )
    _write_csv(
        folder / FRONT_TABLE,
        [*_HEAD, *names, *keys],
        [[*_head(trial), *_figures(trial, names), *_values(trial, keys)] for trial in front],
    )
    growth = growths(trials, costs)
    _write_csv(
        folder / VOLUMES,
        ["sampler", "seed", "trials", "volume"],
        [[*each.study, count, f"{value:.6f}"] for each in growth for count, value in enumerate(each.volumes, 1)],
    )
    if finals:
        _write_csv(
            folder / FINALS,
            ["trial", "validation", "test", *names],
            [
                [
                    each.trial.name,
                    each.outcome.accuracy,
                    "" if each.outcome.test is None else each.outcome.test,
                    *_figures(each.trial, names),
                ]
                for each in finals
            ],
        )
    write_front_recipes(folder, space, front)
    if front:
        draw_front(folder / PLOT, space, trials, finals, growth)
        write_text(folder / PAGE, render_search(space, trials, finals, growth, unfit_reasons(trials)))


_HEAD = ["sampler", "seed", "trial", "validation"]


def _head(trial: Trial) -> list[object]:
    return [*trial.study, trial.number, "" if trial.outcome.accuracy is None else trial.outcome.accuracy]


def _figures(trial: Trial, names: Sequence[str]) -> list[object]:
    return [trial.figures.get(name, "") for name in names]


def _values(trial: Trial, keys: Sequence[str]) -> list[object]:
    return [json.dumps(trial.values[key]) if key in trial.values else "" for key in keys]


def _ending(trial: Trial) -> list[object]:
    curve = " ".join(f"{each:.4f}" for each in trial.outcome.curve)
    return [curve, trial.outcome.seconds, round(trial.engine_seconds, 4), trial.outcome.note or trial.reason]


def _write_csv(path: Path, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(headings)
        writer.writerows(rows)
