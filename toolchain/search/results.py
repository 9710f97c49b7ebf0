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
from dataclasses import dataclass
from pathlib import Path

from owlbit.export.files import replacing, write_text
from owlbit.toolchain.search.finals import Final, write_front_recipes
from owlbit.toolchain.search.front import front_of, volume, worst_point
from owlbit.toolchain.search.page import PAGE, render_search
from owlbit.toolchain.search.plots import PLOT, draw_front
from owlbit.toolchain.search.records import FINISHED, PRUNED, REPEATED, TRAINED, UNFIT, Trial
from owlbit.toolchain.search.space_file import COSTS, RATE, SearchSpace

TRIALS, FRONT_TABLE, FINALS, VOLUMES = "trials.csv", "front.csv", "finals.csv", "volumes.csv"


@dataclass(frozen=True)
class Growth:
    """How one study went: `volumes`: the share of the reference box that it dominates after each of its trained trials, 0..1."""

    study: tuple[str, int]
    volumes: tuple[float, ...]

    @property
    def last(self) -> float:
        """After all trials."""
        return self.volumes[-1] if self.volumes else 0.0


@dataclass(frozen=True)
class Overhead:
    """What the search itself took: seconds in trainings, in all processes together, and seconds for asking, judging and telling."""

    training: float
    engine: float

    @property
    def share(self) -> float:
        """Of the trainings' time."""
        return self.engine / self.training if self.training else 0.0


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


def figure_names(trials: Sequence[Trial]) -> list[str]:
    """The figures that trials have, in the order of tables."""
    return [name for name in (*COSTS, RATE) if any(name in trial.figures for trial in trials)]


def growths(trials: Sequence[Trial], costs: Sequence[str]) -> list[Growth]:
    """How each study's volume grew. The reference of all is the worst of each objective over all finished trials."""
    if not any(trial.kind == FINISHED for trial in trials):
        return []
    reference = worst_point(trials, costs)
    found = []
    for study in dict.fromkeys(trial.study for trial in trials):
        own = [trial for trial in trials if trial.study == study and trial.kind in TRAINED]
        found.append(Growth(study, tuple(volume(own[:count], costs, reference) for count in range(1, len(own) + 1))))
    return found


def overhead(trials: Sequence[Trial]) -> Overhead:
    """Of all trials that were trained."""
    trained = [trial for trial in trials if trial.kind in TRAINED]
    return Overhead(sum(trial.outcome.seconds for trial in trained), sum(trial.engine_seconds for trial in trained))


def counts(trials: Sequence[Trial]) -> list[tuple[str, int]]:
    """How many trials are of each kind, in words for people."""
    words = {kind: kind for kind in TRAINED} | {PRUNED: "pruned by their curves", UNFIT: "not trained", REPEATED: "proposed again"}
    found = [(word, sum(trial.kind == kind for trial in trials)) for kind, word in words.items()]
    return [(word, count) for word, count in found if count]


def unfit_reasons(trials: Sequence[Trial]) -> list[tuple[str, int]]:
    """What candidates that were not trained failed, most frequent first: (a constraint or a key of the recipe, how many)."""
    found: dict[str, int] = {}
    for trial in trials:
        if trial.kind == UNFIT:
            reason = trial.reason.partition(":")[0]
            found[reason] = found.get(reason, 0) + 1
    return sorted(found.items(), key=lambda each: -each[1])


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
