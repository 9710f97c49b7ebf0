"""How much of what trials reach is explained by the value of one parameter alone.

epsilon squared (Kelley, An unbiased correlation ratio measure, PNAS 1935): with the finished trials in groups by the parameter's
value, ranges in `BINS` equal parts,

    max(0, (SSB - (k - 1) MSW) / SST)

of k groups, the sum of squares between them SSB, the mean square within them MSW and the total SST. It is 0 for a parameter without
effect, 1 for one that decides alone. Samplers draw some values more often than others, and effects of two values together are not
seen: it is a guide, not a proof.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Sequence

from owlbit.toolchain.search.records import FINISHED, Trial
from owlbit.toolchain.search.space import Parameter, Range

BINS = 4
LEAST_TRIALS = 8


def importance(parameter: Parameter, trials: Sequence[Trial], objective: Sequence[float]) -> float | None:
    """Of `parameter` for `objective`, a number per trial; 0..1, None where too few finished trials have it to tell."""
    groups: dict[Hashable, list[float]] = {}
    for trial, value in zip(trials, objective, strict=True):
        if trial.kind == FINISHED and parameter.key in trial.values:
            groups.setdefault(_group(parameter, trial.values[parameter.key]), []).append(value)
    numbers = [value for group in groups.values() for value in group]
    if len(groups) < 2 or len(numbers) < max(LEAST_TRIALS, len(groups) + 2):
        return None
    mean = sum(numbers) / len(numbers)
    total = sum((value - mean) ** 2 for value in numbers)
    if not total:
        return 0.0
    within = sum(sum((value - sum(group) / len(group)) ** 2 for value in group) for group in groups.values())
    corrected = total - within - (len(groups) - 1) * within / (len(numbers) - len(groups))
    return max(0.0, corrected / total)


def _group(parameter: Parameter, value: float) -> Hashable:
    if not isinstance(parameter, Range):
        return json.dumps(value)
    return min(BINS - 1, int(BINS * place_in(parameter, value)))


def place_in(parameter: Range, value: float) -> float:
    """Where `value` lies in the range, 0 at its low and 1 at its high end, on the scale that it is drawn on."""
    if parameter.log:
        return math.log(value / parameter.low) / math.log(parameter.high / parameter.low)
    return (value - parameter.low) / (parameter.high - parameter.low)
