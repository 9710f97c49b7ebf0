"""A search: candidates are proposed, judged, trained in a pool, and told to their study, until every study has its trials."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from owlbit.export.errors import OwlbitError
from owlbit.export.settings import SettingError
from owlbit.toolchain.recipes.data import Data
from owlbit.toolchain.recipes.extends import read_recipe_tables, with_absolute_paths
from owlbit.toolchain.search.candidates import Candidate, Energy, Judge, check_space, nearest, nobody_fits, shown
from owlbit.toolchain.search.finals import train_finals
from owlbit.toolchain.search.pools import Pool
from owlbit.toolchain.search.records import BEFORE, FAILED, FINISHED, RUNNING, UNFIT, Trial
from owlbit.toolchain.search.results import write_results
from owlbit.toolchain.search.space_file import SearchSpace
from owlbit.toolchain.search.study import Study, locked
from owlbit.toolchain.search.train_trial import Task, load

MOST_UNFIT = 150  # candidates in a row that do not fit, from the first on, after which none is expected to
MOST_IN_A_ROW = 300  # candidates in a row that are not trained, after which a study ends with fewer trials
MOST_FAILURES = 5  # trainings that fail before any has finished, after which the mistake is not the candidates'
SECONDS_BETWEEN_PAGES = 60.0


@dataclass
class Search:
    """A search of `space` in `folder`.

    `pool`: where trials are trained; `data`: a local copy of the images, or None; `energy`: the energy model; `gpu_share`: of a
    GPU's memory for each trial, 0 for no limit; `run_name`: of the run folder of each trial in `folder`, None to keep none;
    `logger`: as for `owlbit train`, for run folders that are kept.
    """

    space: SearchSpace
    folder: Path
    pool: Pool
    console: Console
    data: Path | None = None
    energy: Energy | None = None
    gpu_share: float = 0.0
    run_name: Callable[[Trial], str] | None = None
    logger: str = ""
    studies: list[Study] = field(default_factory=list)
    closest: Candidate | None = None
    written: float = 0.0
    classes: dict[Hashable, int] = field(default_factory=dict)

    def run(self) -> list[Trial]:
        """Trains what the studies lack, then the finals; writes tables, plots and page; returns all trials.

        Goes on where an earlier call was stopped. Raises OwlbitError.
        """
        judge = Judge(self.space, self._classes_of, self.energy)
        check_space(judge)
        before = self._before(judge)
        with locked(self.folder):
            self.studies = [Study(self.folder, self.space, *key) for key in self.space.search.studies()]
            self._tell_what_is_there()
            with self.pool:
                self._train(judge)
                trials = self.trials()
                write_results(self.folder, self.space, trials)
                finals = train_finals(self.folder, self.space, trials, self.pool, self._task, self.console, before)
            write_results(self.folder, self.space, trials, finals)
        return trials

    def trials(self) -> list[Trial]:
        """Of all studies."""
        return [trial for study in self.studies for trial in study.trials]

    def _classes_of(self, data: Data) -> int:
        """Classes of the images; of one source and grouping they are the same whatever else a recipe says of the images."""
        place = data.path if self.data is None else str(self.data.resolve())
        which = (data.source, place, data.groups)
        if which not in self.classes:
            self.classes[which] = len(load(replace(data, path=place), self.space.space.file.parent).class_names)
        return self.classes[which]

    def _tell_what_is_there(self) -> None:
        for study in self.studies:
            again = len(study.running())
            done = study.counted() - again
            if study.trials:
                rerun = f", {again} that did not end are trained again" if again else ""
                self._say(f"{study.name}: {done} of {self.space.search.trials} trials are there already{rerun}")

    def _train(self, judge: Judge) -> None:
        """Keeps the pool busy until every study has its trials."""
        running: dict[str, tuple[Study, Trial]] = {}
        again = [(study, trial) for study in self.studies for trial in study.running()]
        while True:
            while self.pool.free():
                following = again.pop(0) if again else self._next(judge, running)
                if following is None:
                    break
                running[following[1].name] = following
                self.pool.begin(self._task_of(following[1]))
            if time.monotonic() - self.written > SECONDS_BETWEEN_PAGES and running:  # beside the trainings, not before one
                write_results(self.folder, self.space, self.trials())
                self.written = time.monotonic()
            ended = self.pool.ended()
            if not ended:
                return
            for task, outcome in ended:
                study, trial = running.pop(task.name)
                self._note(study, study.tell(trial, outcome))

    def _next(self, judge: Judge, running: dict[str, tuple[Study, Trial]]) -> tuple[Study, Trial] | None:
        """The next trial to train, of the first study that lacks one; None where none does."""
        for study in self.studies:
            passed = 0
            while not study.exhausted and study.counted() < self.space.search.trials:
                candidate, trial = study.ask(judge)
                if trial.kind == RUNNING:
                    return study, trial
                passed += 1
                if trial.kind == UNFIT:
                    self.closest = nearest(self.closest, candidate)
                many = study.count(UNFIT) >= MOST_UNFIT or passed >= MOST_IN_A_ROW or study.exhausted
                if many and self.closest is not None and not study.counted():
                    raise nobody_fits(self.space, self.closest, study.count(UNFIT))
                if passed >= MOST_IN_A_ROW:
                    study.given_up = True
                    there = f"no new candidate that fits among the last {passed:,}"
                    self._say(f"{study.name}: ends after {study.counted()} of {self.space.search.trials} trials: {there}")
        return None

    def _before(self, judge: Judge) -> Trial | None:
        """The recipe that the space extends as a trial of no study, where it is to be trained. Raises OwlbitError without one."""
        if not self.space.search.before:
            return None
        path = self.space.extended
        if path is None:
            raise SettingError(self.space.space.file, "search.before", "a space that extends a recipe", "true")
        tables = with_absolute_paths(read_recipe_tables(path).tables, path)
        weighed = judge.judge(tables, {})
        if unknown := [cost for cost in self.space.search.costs if cost not in weighed.figures]:
            raise OwlbitError(
                f"{path}: expected a recipe whose {', '.join(unknown)} can be told, to be compared with ({weighed.reason}); "
                "leave out search.before"
            )
        if weighed.reason:
            self._say(f"{BEFORE}: {path.name} does not meet the constraints ({weighed.reason}); it is trained for comparison")
        return Trial((BEFORE, 0), 0, RUNNING, {}, tables, weighed.figures)

    def _task_of(self, trial: Trial) -> Task:
        if self.run_name is None:
            return self._task(trial, None)
        import tomli_w

        name = self.run_name(trial)
        tables = {**trial.tables, "name": name}
        return replace(self._task(trial, self.folder / name), tables=tables, text=tomli_w.dumps(tables), logger=self.logger)

    def _task(self, trial: Trial, run: Path | None) -> Task:
        """The training of a trial, or, with a run folder, the final one of it."""
        base = self.space.space.file
        return Task(trial.name, trial.tables, "", base, self.data, trial.floor, run, gpu_share=self.gpu_share)

    def _note(self, study: Study, trial: Trial) -> None:
        """Prints how a trial ended. Raises OwlbitError where all so far have failed."""
        outcome = trial.outcome
        costs = "".join(f"{name} {shown(trial.figures[name])}, " for name in ("bits", "cycles") if name in trial.figures)
        told = f"validation {outcome.accuracy:.2%}" if outcome.accuracy is not None else f"{trial.kind}: {outcome.note}"
        place = f"{sum(each.counted() - len(each.running()) for each in self.studies)} of {self._wanted()}"
        self._say(f"{place}: {trial.name}: {told}, {costs}{outcome.seconds:.1f} s")
        if study.count(FAILED) >= MOST_FAILURES and not study.count(FINISHED):
            raise OwlbitError(
                f"{self.folder}: expected trainings that end well, {study.count(FAILED)} failed; this one: {outcome.note}"
            )

    def _wanted(self) -> int:
        return self.space.search.trials * len(self.studies)

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)
