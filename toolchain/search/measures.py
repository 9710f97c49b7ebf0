"""What a search was worth: trials of each kind, why candidates were not trained, volumes, and what it took itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from owlbit.toolchain.search.front import volume, worst_point
from owlbit.toolchain.search.records import FINISHED, PRUNED, REPEATED, TRAINED, UNFIT, Trial
from owlbit.toolchain.search.space_file import COSTS, RATE


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
