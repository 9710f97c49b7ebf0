"""Optuna's journal in a search folder: opened by the holder of the folder's lock, checked, mended after a kill, read by anybody.

`study.journal` is Optuna's own format, a line of JSON per change, each written and synced as a whole. It has a study per sampler
and seed, with what the space was, and of each trial the candidate and its outcome as attributes.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.search.records import FAILED, FINISHED, PRUNED, RUNNING, Outcome, outcome_of, study_name
from owlbit.toolchain.search.space_file import BASELINE, GRID, SearchSpace

if TYPE_CHECKING:
    import optuna

JOURNAL = "study.journal"
SPACE, FINISH, CANDIDATE, OUTCOME = "space", "finish", "candidate", "outcome"  # attributes of studies and trials
BEGIN = b'{"op_code"'  # of every line
LOG = logging.getLogger(__name__)


def open_study(folder: Path, space: SearchSpace, sampler: str, seed: int) -> optuna.Study:
    """The study of a sampler and a seed, made if it is not there; the folder's lock is held.

    Raises OwlbitError where the journal cannot be read, or is that of another space.
    """
    import optuna
    from optuna.study import StudyDirection

    path = folder / JOURNAL
    _check_lines(path, mend=True)
    with journal_errors(path):
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


def studies_of(folder: Path) -> list[optuna.Study]:
    """All studies in the journal of `folder`, without a change to it. Raises OwlbitError where there is none to read."""
    path = folder / JOURNAL
    if not path.is_file():
        raise OwlbitError(f"{folder}: expected a folder that `owlbit search` made, found no {JOURNAL} in it")
    import optuna

    _check_lines(path, mend=False)
    with journal_errors(path):
        storage = _storage(path)
        return [optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage)]


def tell_outcome(study: optuna.Study, number: int, outcome: Outcome, costs: Sequence[float]) -> None:
    """Ends a trial of Optuna's as `outcome` says; `costs`: its objectives but accuracy."""
    import optuna

    if outcome.kind == FINISHED:
        assert outcome.accuracy is not None
        study.tell(number, [outcome.accuracy, *costs])
    else:
        states = {PRUNED: optuna.trial.TrialState.PRUNED, FAILED: optuna.trial.TrialState.FAIL}
        study.tell(number, state=states[outcome.kind])


def _settle(study: optuna.Study, costs: Sequence[str]) -> None:
    """Finishes what a kill left half told: trials whose outcome is there, and those that were not to be trained."""
    import optuna

    for found in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        if OUTCOME in found.user_attrs:
            figures = found.user_attrs[CANDIDATE]["figures"]
            tell_outcome(study, found.number, outcome_of(found.user_attrs[OUTCOME]), [figures[name] for name in costs])
        elif found.user_attrs.get(CANDIDATE, {}).get("kind") != RUNNING:
            study.tell(found.number, state=optuna.trial.TrialState.FAIL)
            if CANDIDATE not in found.user_attrs and "fixed_params" in found.system_attrs:
                study.enqueue_trial(found.system_attrs["fixed_params"])  # a combination of a grid


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
    with journal_errors(path):
        for line in content[:whole].splitlines():
            entry = json.loads(line)
            if not isinstance(entry, dict) or not isinstance(entry.get("op_code"), int) or "worker_id" not in entry:
                raise ValueError("a line of it is no change to a study")
    if mend and whole < len(content) and content.startswith(BEGIN):
        LOG.warning("%s: its last line is unfinished, as after a kill, and is left out", path)
        with path.open("r+b") as file:
            file.truncate(whole)


@contextmanager
def journal_errors(path: Path) -> Iterator[None]:
    """Makes an OwlbitError of what Optuna, or a record in it, raises where the journal is not as it was written."""
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
