"""The study of a search folder: trials in Optuna's journal, proposed by Optuna's samplers, resumable after any kill.

`study.journal` in the folder is Optuna's journal file, a line of JSON per change, each written and synced as a whole. Only the
process that holds the folder's lock writes it; it proposes candidates and takes what their trainings gave, wherever they run. So a
kill loses at most the trials that were running, and these are trained again.
"""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from owlbit.export.errors import OwlbitError
from owlbit.export.files import make_folder
from owlbit.toolchain.runs.run_lock import LockedRunError, lock_run, run_locks
from owlbit.toolchain.search.candidates import Candidate, Judge
from owlbit.toolchain.search.pruning import floor_of
from owlbit.toolchain.search.records import (
    FAILED,
    FINISHED,
    PRUNED,
    REPEATED,
    RUNNING,
    TRAINED,
    UNFIT,
    Outcome,
    Trial,
    study_name,
)
from owlbit.toolchain.search.space_file import BASELINE, GRID, Finish, SearchSpace

if TYPE_CHECKING:
    import optuna

JOURNAL = "study.journal"
SPACE, FINISH, CANDIDATE, OUTCOME = "space", "finish", "candidate", "outcome"  # attributes in the journal
WAITING = "WAITING"  # Optuna's state of a combination of a grid that was not asked for yet
LOG = logging.getLogger(__name__)


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
        self.study = _open(folder, space, sampler, seed)
        begun = [each for each in self.study.get_trials(deepcopy=False) if each.state.name != WAITING]
        self.trials = [_trial(self.key, each) for each in begun]
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
        _tell(self.study, trial.number, outcome, [trial.cost(name) for name in self.space.search.costs])
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
    path = folder / JOURNAL
    if not path.is_file():
        raise OwlbitError(f"{folder}: expected a folder that `owlbit search` made, found no {JOURNAL} in it")
    import optuna

    _check_lines(path, mend=False)
    with _journal_errors(path):
        storage = _storage(path)
        trials: list[Trial] = []
        finish = Finish("", "", 0)
        for name in optuna.get_all_study_names(storage):
            study = optuna.load_study(study_name=name, storage=storage)
            sampler, _, seed = name.rpartition("-")
            finish = Finish(**study.user_attrs.get(FINISH, asdict(finish)))
            begun = [each for each in study.get_trials(deepcopy=False) if each.state.name != WAITING]
            trials += [_trial((sampler, int(seed)), each) for each in begun]
    return trials, finish


def _open(folder: Path, space: SearchSpace, sampler: str, seed: int) -> optuna.Study:
    import optuna
    from optuna.study import StudyDirection

    path = folder / JOURNAL
    _check_lines(path, mend=True)
    with _journal_errors(path):
        storage = _storage(path)
        name = study_name((sampler, seed))
        directions = [StudyDirection.MAXIMIZE, *[StudyDirection.MINIMIZE] * len(space.search.costs)]
        for other in optuna.get_all_study_names(storage):
            found = optuna.load_study(study_name=other, storage=storage)
            _check_same(folder, space, found.user_attrs.get(SPACE, {}))
        study = optuna.create_study(study_name=name, storage=storage, directions=directions, load_if_exists=True)
        # A sampler that goes on must not draw again what it drew at first.
        study.sampler = _sampler(sampler, seed + 1000 * len(study.get_trials(deepcopy=False)))
        if SPACE not in study.user_attrs:
            study.set_user_attr(SPACE, space.identity())
        if study.user_attrs.get(FINISH) != asdict(space.finish):
            study.set_user_attr(FINISH, asdict(space.finish))
        if sampler == GRID and not study.get_trials(deepcopy=False):
            for point in space.grid():
                study.enqueue_trial(point)
        _settle(study, space.search.costs)
    return study


def _settle(study: optuna.Study, costs: Sequence[str]) -> None:
    """Finishes what a kill left half told: trials whose outcome is there, and those that were not to be trained."""
    import optuna

    for found in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        if OUTCOME in found.user_attrs:
            figures = found.user_attrs[CANDIDATE]["figures"]
            _tell(study, found.number, _outcome(found.user_attrs[OUTCOME]), [figures[name] for name in costs])
        elif found.user_attrs.get(CANDIDATE, {}).get("kind") != RUNNING:
            study.tell(found.number, state=optuna.trial.TrialState.FAIL)
            if CANDIDATE not in found.user_attrs and "fixed_params" in found.system_attrs:
                study.enqueue_trial(found.system_attrs["fixed_params"])  # a combination of a grid


def _tell(study: optuna.Study, number: int, outcome: Outcome, costs: Sequence[float]) -> None:
    import optuna

    if outcome.kind == FINISHED:
        assert outcome.accuracy is not None
        study.tell(number, [outcome.accuracy, *costs])
    else:
        states = {PRUNED: optuna.trial.TrialState.PRUNED, FAILED: optuna.trial.TrialState.FAIL}
        study.tell(number, state=states[outcome.kind])


def _check_same(folder: Path, space: SearchSpace, began: Mapping[str, Any]) -> None:
    """OwlbitError where a study began with another space than `space`."""
    now = space.identity()
    different = [name for name in {**began, **now} if began.get(name) != now.get(name)]
    if different and began:
        raise OwlbitError(
            f"{folder}: expected a study of this space, found one of another, which differs in {', '.join(different)}; "
            "choose another --out, or give the space that it began with"
        )


class _HeldLock:
    """For Optuna in place of a lock of its own, which would stay for half a minute after a kill: the folder's lock is held."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _storage(path: Path) -> optuna.storages.JournalStorage:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    lock: Any = _HeldLock()  # Optuna's base class of locks is not public
    return optuna.storages.JournalStorage(JournalFileBackend(str(path), lock))


def _check_lines(path: Path, *, mend: bool) -> None:
    """Raises OwlbitError for a file that is no journal, before Optuna adds to it.

    `mend`: whether what a kill in the middle of a write left at the end is removed; the folder's lock is held then.
    """
    content = path.read_bytes() if path.is_file() else b""
    whole = content.rfind(b"\n") + 1
    with _journal_errors(path):
        for line in content[:whole].splitlines():
            entry = json.loads(line)
            if not isinstance(entry, dict) or not isinstance(entry.get("op_code"), int) or "worker_id" not in entry:
                raise ValueError("a line of it is no change to a study")
    if mend and whole < len(content):
        LOG.warning("%s: its last line is unfinished, as after a kill, and is left out", path)
        with path.open("r+b") as file:
            file.truncate(whole)


@contextmanager
def _journal_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError, TypeError, AttributeError, AssertionError, IndexError) as error:
        raise OwlbitError(
            f"{path}: expected the journal of a search, could not read it ({type(error).__name__}: {error}); choose another --out"
        ) from None


def _sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    from optuna import samplers

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parts that Optuna calls experimental
        if name == BASELINE:
            return samplers.RandomSampler(seed=seed)
        if name == GRID:
            return samplers.RandomSampler(seed=seed)  # it is never asked: the grid waits in the study
        if name == "nsga":
            return samplers.NSGAIISampler(seed=seed, population_size=20)
        return samplers.TPESampler(seed=seed)


def _trial(study: tuple[str, int], found: optuna.trial.FrozenTrial) -> Trial:
    record = found.user_attrs.get(CANDIDATE)
    if record is None:  # killed while it was being proposed
        return Trial(study, found.number, REPEATED, {}, {}, {})
    return _of_record(study, found.number, record, found.user_attrs.get(OUTCOME) if found.state.is_finished() else None)


def _of_record(study: tuple[str, int], number: int, record: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> Trial:
    ended = Outcome(RUNNING) if outcome is None else _outcome(outcome)
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


def _outcome(told: Mapping[str, Any]) -> Outcome:
    given = {name: value for name, value in told.items() if name != "engine_seconds"}
    return Outcome(**{**given, "curve": tuple(given["curve"])})
