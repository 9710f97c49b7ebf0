"""The study of one sampler and seed: proposes candidates and takes what their trainings gave, resumable after any kill.

Only the process that holds the folder's lock proposes and tells, wherever trainings run. What it says is in the journal before it
goes on, so a kill loses at most the trials that were running, and these are trained again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from owlbit.export.errors import OwlbitError
from owlbit.export.files import make_folder
from owlbit.toolchain.runs.run_lock import LockedRunError, lock_run, run_locks
from owlbit.toolchain.search.candidates import Candidate, Judge
from owlbit.toolchain.search.journal import (
    CANDIDATE,
    FINISH,
    JOURNAL,
    OUTCOME,
    journal_errors,
    open_study,
    studies_of,
    tell_outcome,
)
from owlbit.toolchain.search.pruning import floor_of
from owlbit.toolchain.search.records import REPEATED, RUNNING, TRAINED, UNFIT, Outcome, Trial, outcome_of, study_name
from owlbit.toolchain.search.space_file import GRID, Finish, SearchSpace

if TYPE_CHECKING:
    import optuna

WAITING = "WAITING"  # Optuna's state of a combination of a grid that was not asked for yet


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the search folder and holds its lock. Raises OwlbitError where another search runs there."""
    make_folder(folder)
    with run_locks():
        try:
            lock_run(folder)
        except LockedRunError:
            raise OwlbitError(
                f"{folder}: expected a folder in which no search runs, found one; wait for it, or end it first"
            ) from None
        yield


class Study:
    """The trials of one sampler and seed in the folder of `space`, which holds those of all.

    Raises OwlbitError where the journal cannot be read, or is that of another space.
    """

    def __init__(self, folder: Path, space: SearchSpace, sampler: str, seed: int) -> None:
        self.space, self.key = space, (sampler, seed)
        self.study = open_study(folder, space, sampler, seed)
        with journal_errors(folder / JOURNAL):
            self.trials = _begun(self.key, self.study)
        self.known = {trial.identity for trial in self.trials}
        self.name = study_name(self.key)
        self.given_up = False  # whether no further candidate was found in it

    def counted(self) -> int:
        """Trials that were trained or are being trained."""
        return sum(trial.kind in (*TRAINED, RUNNING) for trial in self.trials)

    def count(self, kind: str) -> int:
        """Trials of a kind."""
        return sum(trial.kind == kind for trial in self.trials)

    @property
    def exhausted(self) -> bool:
        """Whether it has no further candidates."""
        import optuna

        waiting = (optuna.trial.TrialState.WAITING,)
        return self.given_up or (self.key[0] == GRID and not self.study.get_trials(deepcopy=False, states=waiting))

    def running(self) -> list[Trial]:
        """Trials whose training has not ended; right after the study was opened, those that a kill ended."""
        return [trial for trial in self.trials if trial.kind == RUNNING]

    def ask(self, judge: Judge) -> tuple[Candidate, Trial]:
        """The next candidate and its trial; unless the kind of this is RUNNING it is not to be trained, and was told so."""
        import optuna

        started = time.perf_counter()
        asked = self.study.ask()
        candidate = judge.propose(lambda parameter: parameter.suggest(asked))
        kind = REPEATED if candidate.identity in self.known else RUNNING if candidate.fits else UNFIT
        floor: tuple[float | None, ...] = ()
        if kind == RUNNING and self.space.search.prune and candidate.recipe is not None:
            epochs = candidate.recipe.training.epochs + sum(each.training.epochs for each in candidate.recipe.before)
            floor = floor_of(self.trials, candidate.figures, self.space.search.costs, epochs)
        for name, miss in candidate.misses.items():
            asked.set_constraint(name, miss)
        record = {
            "kind": kind,
            "values": candidate.values,
            "tables": candidate.tables if kind == RUNNING else {},
            "figures": candidate.figures,
            "identity": candidate.identity,
            "reason": candidate.reason,
            "floor": floor,
            "asked_seconds": time.perf_counter() - started,
        }
        asked.set_user_attr(CANDIDATE, record)
        if kind == UNFIT:
            self.study.tell(asked, state=optuna.trial.TrialState.PRUNED)  # samplers go by how far its constraints are missed
        elif kind == REPEATED:
            self.study.tell(asked, state=optuna.trial.TrialState.FAIL)  # samplers pass over it
        self.known.add(candidate.identity)
        record["asked_seconds"] = time.perf_counter() - started
        trial = _of_record(self.key, asked.number, record, None)
        self.trials.append(trial)
        return candidate, trial

    def tell(self, trial: Trial, outcome: Outcome) -> Trial:
        """Notes how the training of `trial` ended; returns it as it is now."""
        import optuna

        started = time.perf_counter()
        told = optuna.trial.Trial(self.study, self._id(trial.number))
        record = told.user_attrs[CANDIDATE]
        told.set_user_attr(OUTCOME, {**outcome.as_json(), "engine_seconds": self._engine_seconds(trial.number, started)})
        tell_outcome(self.study, trial.number, outcome, [trial.cost(name) for name in self.space.search.costs])
        engine = self._engine_seconds(trial.number, started)
        ended = _of_record(self.key, trial.number, record, {**outcome.as_json(), "engine_seconds": engine})
        self.trials[trial.number] = ended
        return ended

    def _engine_seconds(self, number: int, started: float) -> float:
        """What the search itself took for a trial: asking for it and for those before it that were not trained, and telling."""
        seconds = self.trials[number].engine_seconds
        for earlier in reversed(self.trials[:number]):
            if earlier.kind not in (UNFIT, REPEATED):
                break
            seconds += earlier.engine_seconds
        return seconds + time.perf_counter() - started

    def _id(self, number: int) -> int:
        return self.study._storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)


def read_trials(folder: Path) -> tuple[list[Trial], Finish]:
    """(every trial of every study in `folder`, what makes their recipes files), without a change to it.

    Raises OwlbitError where there is no study, or its journal cannot be read.
    """
    trials: list[Trial] = []
    finish = Finish()
    for study in studies_of(folder):
        with journal_errors(folder / JOURNAL):
            sampler, _, seed = study.study_name.rpartition("-")
            finish = Finish(**study.user_attrs.get(FINISH, asdict(finish)))
            trials += _begun((sampler, int(seed)), study)
    return trials, finish


def _begun(key: tuple[str, int], study: optuna.Study) -> list[Trial]:
    """Its trials, but those of a grid that were not asked for yet."""
    return [_trial(key, each) for each in study.get_trials(deepcopy=False) if each.state.name != WAITING]


def _trial(study: tuple[str, int], found: optuna.trial.FrozenTrial) -> Trial:
    record = found.user_attrs.get(CANDIDATE)
    if record is None:  # killed while it was being proposed
        return Trial(study, found.number, REPEATED, {}, {}, {})
    return _of_record(study, found.number, record, found.user_attrs.get(OUTCOME) if found.state.is_finished() else None)


def _of_record(study: tuple[str, int], number: int, record: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> Trial:
    ended = Outcome(RUNNING) if outcome is None else outcome_of(outcome)
    return Trial(
        study,
        number,
        record["kind"] if outcome is None else ended.kind,
        record["values"],
        record["tables"],
        record["figures"],
        record["identity"],
        record["reason"],
        tuple(record["floor"]),
        ended,
        record["asked_seconds"] if outcome is None else outcome["engine_seconds"],
    )
