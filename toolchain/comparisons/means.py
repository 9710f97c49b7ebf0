"""Means over the seeds of a comparison, and differences between pairs of trainings that share all but one value."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from owlbit.toolchain.comparisons.comparison import Case, Comparison, Values
from owlbit.toolchain.comparisons.results_file import Row


@dataclass(frozen=True)
class Spread:
    """Mean of `count` numbers and their sample standard deviation, None for a single one."""

    mean: float
    deviation: float | None
    count: int

    @property
    def error(self) -> float | None:
        """The standard error of the mean."""
        return None if self.deviation is None else self.deviation / self.count**0.5


def spread(numbers: Sequence[float]) -> Spread | None:
    """Of `numbers`; None where there are none."""
    if not numbers:
        return None
    return Spread(statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else None, len(numbers))


@dataclass(frozen=True)
class Mean:
    """Of one combination over its seeds. Accuracies in percent; `test` None without test images.

    `ahead`: how far it is ahead of the same combination with the baseline, in points of `Row.accuracy`, at the same seed; None for
    the baseline itself and without such a pair.
    """

    values: Values
    weight_bits: tuple[int, ...]
    epochs: tuple[int, ...]
    validation: Spread
    test: Spread | None
    ahead: Spread | None
    minutes: float


def means(comparison: Comparison, rows: Sequence[Row]) -> list[Mean]:
    """One for every combination that has a row, in the file's order."""
    accuracies = {row.case: 100 * row.accuracy for row in rows}
    found = []
    for values in comparison.combinations():
        own = [row for row in rows if row.case.values == values]
        validation = spread([100 * row.validation for row in own])
        if validation is None:
            continue
        base = comparison.with_compared(values, comparison.baseline)
        pairs = _differences(accuracies, own, base) if base != values else []
        found.append(
            Mean(
                values,
                tuple(sorted({row.weight_bits for row in own})),
                tuple(sorted({row.epochs for row in own})),
                validation,
                spread([100 * row.test for row in own if row.test is not None]),
                spread(pairs),
                statistics.fmean(row.seconds for row in own) / 60,
            )
        )
    return found


@dataclass(frozen=True)
class Difference:
    """How far `value` of the compared axis is ahead of `against`, in points, over all pairs that share every other value and the
    seed. `column`, `line`: the values on the first and on the last of the other axes that the pairs have, None for any."""

    value: str
    against: str
    column: str | None
    line: str | None
    ahead: Spread


def differences(comparison: Comparison, rows: Sequence[Row]) -> list[Difference]:
    """Of every value that is not the baseline and has pairs: line by line and, where there are several lines, for all of them."""
    accuracies = {row.case: 100 * row.accuracy for row in rows}
    others = comparison.others
    columns: list[str | None] = list(comparison.axes[others[0]]) if len(others) > 1 else [None]
    lines: list[str | None] = list(comparison.axes[others[-1]]) if others else []
    found = []
    for value in comparison.axes[comparison.compared]:
        against = comparison.counterpart(value)
        if against == value:
            continue
        for column in columns:
            pools: list[tuple[str | None, list[float]]] = []
            for line in lines:
                choice = {comparison.compared: [value]}
                choice |= {others[0]: [column]} if column is not None else {}
                choice |= {others[-1]: [line]} if line is not None else {}
                own = [row for row in rows if comparison.fits(row.case.values, choice)]
                pairs = [
                    difference
                    for row in own
                    for difference in _differences(accuracies, [row], comparison.with_compared(row.case.values, against))
                ]
                if pairs:
                    pools.append((line, pairs))
            if len(pools) > 1:
                pools.append((None, [difference for _, pairs in pools for difference in pairs]))
            for line, pairs in pools:
                ahead = spread(pairs)
                assert ahead is not None
                found.append(Difference(value, against, column, line, ahead))
    return found


def _differences(accuracies: dict[Case, float], own: Sequence[Row], base: Values) -> list[float]:
    """Accuracies of `own` less those of the combination `base` at the same seeds, where there are such."""
    pairs = [(accuracies[row.case], accuracies.get(Case(base, row.case.seed))) for row in own]
    return [mine - theirs for mine, theirs in pairs if theirs is not None]
