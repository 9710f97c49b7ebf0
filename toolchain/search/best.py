"""The best network that a search found within limits, from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.search.candidates import shown
from owlbit.toolchain.search.finals import recipe_text
from owlbit.toolchain.search.records import FINISHED, Trial
from owlbit.toolchain.search.space_file import RATE
from owlbit.toolchain.search.study import read_trials


def best_recipe(folder: Path, limits: Mapping[str, float]) -> str:
    """The recipe, as text, of the finished trial in `folder` of highest validation accuracy that keeps `limits`.

    `limits`: "fps" at least, other figures at most. Of several the one of fewest bits. Raises OwlbitError, naming the closest
    trial, where none keeps them.
    """
    found, finish = read_trials(folder)
    trials = [trial for trial in found if trial.kind == FINISHED]
    if not trials:
        raise OwlbitError(f"{folder}: expected a search with finished trials, found none; let it run on")
    for name in limits:
        if not any(name in trial.figures for trial in trials):
            raise OwlbitError(f"{folder}: expected a limit on {', '.join(sorted(trials[0].figures))}, got one on {name}")
    fitting = [trial for trial in trials if _distance(trial, limits) <= 0]
    if not fitting:
        closest = min(trials, key=lambda trial: _distance(trial, limits))
        wanted = ", ".join(f"{name} {'>=' if name == RATE else '<='} {shown(value)}" for name, value in limits.items())
        has = ", ".join(f"{name} {shown(closest.figures[name])}" for name in limits)
        raise OwlbitError(
            f"{folder}: expected a trial with {wanted}, found none among {len(trials)}; the closest, {closest.name}, has {has}"
        )
    return recipe_text(finish, max(fitting, key=lambda trial: (trial.accuracy, -trial.figures["bits"])))


def _distance(trial: Trial, limits: Mapping[str, float]) -> float:
    """How far a trial is off the limits, each as a share; at most 0 where it keeps all."""
    off = 0.0
    for name, limit in limits.items():
        figure = trial.figures.get(name, float("inf"))
        off += max(0.0, (limit - figure if name == RATE else figure - limit) / limit)
    return off
