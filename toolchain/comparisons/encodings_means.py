"""Means of `owlbit.toolchain.comparisons.encodings` over seeds, and how far learning thresholds is ahead of placing them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from owlbit.toolchain.comparisons.encodings_cases import COLOURS, INPUTS, Row
from owlbit.toolchain.recipes.data import LIGHTS

BASELINE = "quantile"
# What learning is set against, where it is not the baseline: fixed thresholds that have the same help.
AGAINST = {"learned-shared": "quantile-shared", "learned-distilled": "quantile-distilled"}


@dataclass(frozen=True)
class Mean:
    """Of one combination over its seeds. Accuracies in percent; standard deviations are None for one seed.

    `ahead`: of the test accuracy of quantile thresholds, mean of the differences at the same seed; None without such a pair.
    """

    light: str
    colour: str
    thresholds: int
    encoding: str
    seeds: int
    validation: float
    validation_deviation: float | None
    test: float
    test_deviation: float | None
    ahead: float | None
    ahead_deviation: float | None


def means(rows: Sequence[Row]) -> list[Mean]:
    """One entry a combination, in the order light, colour, thresholds, encoding."""
    tests = {row.case: 100 * row.test for row in rows}
    found: dict[tuple[str, str, int, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.light, row.colour, row.thresholds, row.encoding), []).append(row)
    summary = []
    for key, group in found.items():
        pairs = [(100 * row.test, tests.get(row.with_encoding(BASELINE))) for row in group]
        ahead = [own - other for own, other in pairs if other is not None]
        validation, test = ([100 * getattr(row, part) for row in group] for part in ("validation", "test"))
        figures = (_mean(validation), _deviation(validation), _mean(test), _deviation(test), _mean(ahead), _deviation(ahead))
        summary.append(Mean(*key, len(group), *figures))  # type: ignore[arg-type]  # the first three are never empty
    encodings = list(INPUTS)
    return sorted(
        summary,
        key=lambda mean: (LIGHTS.index(mean.light), COLOURS.index(mean.colour), mean.thresholds, encodings.index(mean.encoding)),
    )


def _mean(values: Sequence[float]) -> float | None:
    return round(statistics.fmean(values), 2) if values else None


def _deviation(values: Sequence[float]) -> float | None:
    return round(statistics.stdev(values), 2) if len(values) > 1 else None


@dataclass(frozen=True)
class Gain:
    """How far `encoding` is ahead of `against` in a light, over all pairs of equal colour, thresholds and seed.

    `thresholds`: of these pairs, None for pairs of any number; `ahead`: mean difference of test accuracy in points; `error`: its
    standard error, None for a single pair.
    """

    light: str
    encoding: str
    against: str
    thresholds: int | None
    pairs: int
    ahead: float
    error: float | None


def gains(rows: Sequence[Row]) -> list[Gain]:
    """Of every learned encoding in every light that has a pair, by number of thresholds and, if there are several, for all."""
    tests = {row.case: 100 * row.test for row in rows}
    ahead: dict[tuple[str, str, str], dict[int | None, list[float]]] = {}
    for row in rows:
        against = AGAINST.get(row.encoding, BASELINE)
        fixed = tests.get(row.with_encoding(against))
        if row.encoding.startswith("learned") and fixed is not None:
            groups = ahead.setdefault((row.light, row.encoding, against), {})
            groups.setdefault(row.thresholds, []).append(100 * row.test - fixed)
    found = []
    for (light, encoding, against), groups in ahead.items():
        if len(groups) > 1:
            groups[None] = [difference for group in groups.values() for difference in group]
        for thresholds, group in groups.items():
            error = statistics.stdev(group) / len(group) ** 0.5 if len(group) > 1 else None
            found.append(Gain(light, encoding, against, thresholds, len(group), statistics.fmean(group), error))
    return found
