"""The final trainings: networks of the Pareto front, trained long, each tested once at its end."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.toolchain.runs.run_folder import RECIPE, RESULT, read_result
from owlbit.toolchain.search.candidates import shown
from owlbit.toolchain.search.front import front_of, spread_over
from owlbit.toolchain.search.pools import Pool
from owlbit.toolchain.search.records import FINISHED, Outcome, Trial
from owlbit.toolchain.search.space_file import Finish, SearchSpace
from owlbit.toolchain.search.train_trial import Task

FRONT, FINAL = "front", "final"


@dataclass(frozen=True)
class Final:
    """A final training: the trial that it is of, its run folder, and how it ended."""

    trial: Trial
    run: Path
    outcome: Outcome


def final_tables(finish: Finish, trial: Trial) -> dict[str, Any]:
    """The recipe of `trial` as it is trained at the end, with a name."""
    named = {name: value for name, value in trial.tables.items() if name != "name"}
    return {"name": f"{finish.name}-{trial.name}", **finish.final(named)}


def recipe_text(finish: Finish, trial: Trial) -> str:
    """The recipe of a trial as a file, ready for `owlbit train`, with what is known of it at the top."""
    import tomli_w

    figures = ", ".join(f"{name} {shown(value)}" for name, value in trial.figures.items())
    told = f"What the space {finish.file} extends, trained in the same way as the networks that were found: {figures}."
    if not trial.is_before:
        told = (
            f"Found by `owlbit search` in {finish.file}, trial {trial.name}: validation accuracy {trial.accuracy:.2%} after "
            f"{len(trial.outcome.curve)} epochs; {figures}."
        )
    lines = textwrap.wrap(told, 130, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines) + "\n" + tomli_w.dumps(final_tables(finish, trial))


def write_front_recipes(folder: Path, space: SearchSpace, front: Sequence[Trial]) -> None:
    """Writes front/NAME.toml for each trial of the front, and removes those that are no longer on it."""
    names = {f"{trial.name}.toml": trial for trial in front}
    for path in (folder / FRONT).glob("*.toml"):
        if path.name not in names:
            path.unlink()
    for name, trial in names.items():
        write_text(folder / FRONT / name, recipe_text(space.finish, trial))


def train_finals(
    folder: Path,
    space: SearchSpace,
    trials: Sequence[Trial],
    pool: Pool,
    task_of: Callable[[Trial, Path], Task],
    console: Console,
    before: Trial | None = None,
) -> list[Final]:
    """Trains networks spread over the front of `trials`, and `before`, into final/NAME, those that are there excepted; returns all.

    Which are trained is chosen by validation accuracy alone; the test images are evaluated once, at the end of each. Raises
    OwlbitError, before the first of them, where a folder has a training of another recipe.
    """
    chosen = [*spread_over(front_of(trials, space.search.costs), space.search.finals), *([] if before is None else [before])]
    texts = {trial.name: recipe_text(space.finish, trial) for trial in chosen}
    for name, text in texts.items():
        _check_same(folder / FINAL / name, text)
    waiting = {trial.name: trial for trial in chosen}
    finals: list[Final] = []
    begun: dict[str, Trial] = {}
    while waiting or begun:
        while waiting and pool.free():
            name, trial = waiting.popitem()
            run = folder / FINAL / name
            if (run / RESULT).is_file():
                finals.append(Final(trial, run, _ended(run)))
                continue
            write_text(run.with_suffix(".toml"), texts[name])
            task = replace(task_of(trial, run), tables=final_tables(space.finish, trial), text=texts[name], floor=(), test=True)
            pool.begin(task)
            begun[name] = trial
        for task, outcome in pool.ended():
            trial = begun.pop(task.name)
            assert task.run is not None
            finals.append(Final(trial, task.run, outcome))
            tested = f", test {outcome.test:.2%}" if outcome.test is not None else ""
            told = f"validation {outcome.accuracy:.2%}{tested}" if outcome.accuracy is not None else outcome.note
            console.print(f"final {task.name}: {told}, {outcome.seconds:.0f} s", highlight=False, markup=False, soft_wrap=True)
    order = [trial.name for trial in chosen]
    return sorted((each for each in finals if each.outcome.kind == FINISHED), key=lambda each: order.index(each.trial.name))


def _check_same(run: Path, text: str) -> None:
    """OwlbitError where the training in the folder `run` is not that of the recipe `text`."""
    file = run / RECIPE
    if file.is_file() and tomllib.loads(file.read_text(encoding="utf-8")) != tomllib.loads(text):
        raise OwlbitError(
            f"{run}: expected a training of the recipe that the space gives now, found one of another recipe, {RECIPE} "
            "(has [final] changed?); move the folder away to have this network trained again, or undo the change of the space"
        )


def _ended(run: Path) -> Outcome:
    """How the final training in a folder ended, that an earlier call did."""
    result = read_result(run)
    return Outcome(FINISHED, result.validation_accuracy, seconds=result.seconds, test=result.test_accuracy)
