"""What is known of a trial: the candidate and how its training ended, as it stands in the study, in tables and in files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FINISHED, PRUNED, FAILED, UNFIT, REPEATED, RUNNING = "finished", "pruned", "failed", "does not fit", "repeated", "running"
BEFORE = "before"  # in place of a sampler: the recipe that the space extends
TRAINED = (FINISHED, PRUNED, FAILED)  # what counts as a trial


@dataclass(frozen=True)
class Outcome:
    """How a training of a candidate ended.

    `kind`: FINISHED, PRUNED or FAILED; `accuracy`: of the validation images with the weights of the chosen epoch, 0..1, None
    unless finished; `test`: of the test images, where they were asked for; `curve`: validation accuracy after each epoch, 0..1;
    `seconds`: wall time of the whole trial in its process; `note`: why it was pruned or failed.
    """

    kind: str
    accuracy: float | None = None
    curve: tuple[float, ...] = ()
    seconds: float = 0.0
    note: str = ""
    test: float | None = None

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "curve": [round(each, 6) for each in self.curve]}


@dataclass(frozen=True)
class Trial:
    """A trial of a study.

    `study`: (sampler, seed); `number`: in its study, from 0; `kind`: as above; `values`: what was chosen, by key; `tables`: the
    recipe; `figures`: what it costs; `identity`: as in `Candidate`; `floor`: accuracy below which it ends, by epoch, None for no
    such; `engine_seconds`: what asking, judging and telling took, candidates that did not fit included.
    """

    study: tuple[str, int]
    number: int
    kind: str
    values: Mapping[str, Any]
    tables: Mapping[str, Any]
    figures: Mapping[str, float]
    identity: str = ""
    reason: str = ""
    floor: tuple[float | None, ...] = ()
    outcome: Outcome = field(default_factory=lambda: Outcome(RUNNING))
    engine_seconds: float = 0.0

    @property
    def name(self) -> str:
        """What its recipe and its final run are called: no other trial of the folder has this name."""
        return self.study[0] if self.is_before else f"{study_name(self.study)}-{self.number}"

    @property
    def is_before(self) -> bool:
        """Whether it is of no study, but the network before the search."""
        return self.study[0] == BEFORE

    @property
    def accuracy(self) -> float:
        """Of the validation images, 0..1. Of finished trials only."""
        assert self.outcome.accuracy is not None
        return self.outcome.accuracy

    def cost(self, objective: str) -> float:
        """What an objective other than accuracy has of it."""
        return float(self.figures[objective])


def study_name(study: tuple[str, int]) -> str:
    """The name of the study of a sampler and a seed."""
    return f"{study[0]}-{study[1]}"


def outcome_of(told: Mapping[str, Any]) -> Outcome:
    """The outcome that `Outcome.as_json` gave `told` of, which may also have `engine_seconds`."""
    given = {name: value for name, value in told.items() if name != "engine_seconds"}
    return Outcome(**{**given, "curve": tuple(given["curve"])})
