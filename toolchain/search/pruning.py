"""When a trial ends early: its validation accuracy stays below the median of cheaper networks at the same epoch.

Optuna prunes studies of one objective only. With several, a small network that is less accurate than large ones may still be on
the Pareto front. So a trial is compared only with finished trials of its study that cost no more in any objective: if it is less
accurate than half of them, it is most likely dominated. All have the same number of epochs, and their curves are the best accuracy
up to each epoch. What a trial must reach is fixed when it begins and stands in the study.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import accumulate

from owlbit.toolchain.search.records import FINISHED, Trial

LEAST_PEERS = 5
SPARED = 3  # the first part of the epochs, one in so many, ends no trial


def floor_of(trials: Sequence[Trial], figures: Mapping[str, float], costs: Sequence[str], epochs: int) -> tuple[float | None, ...]:
    """The accuracy, 0..1, that a trial of `figures` must have reached after each of its `epochs`; None where anything will do.

    `trials`: of the same study; `costs`: the objectives but accuracy.
    """
    curves = [
        list(accumulate(trial.outcome.curve, max))
        for trial in trials
        if trial.kind == FINISHED
        and len(trial.outcome.curve) == epochs
        and all(trial.cost(name) <= figures[name] for name in costs)
    ]
    if len(curves) < LEAST_PEERS:
        return (None,) * epochs
    spared = -(-epochs // SPARED)
    # Not after the last epoch: the training is paid then.
    return tuple(
        statistics.median(curve[epoch] for curve in curves) if spared <= epoch + 1 < epochs else None for epoch in range(epochs)
    )
