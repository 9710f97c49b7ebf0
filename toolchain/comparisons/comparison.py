"""What is compared: axes of variants, every combination of which is one training per seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import tomli_w

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.recipes.extends import merged

Values = tuple[str, ...]  # one per axis


@dataclass(frozen=True)
class Case:
    """One training: its value on every axis, and its seed."""

    values: Values
    seed: int

    @property
    def name(self) -> str:
        """What its run folder is called; no other case has this name, since values have no underscore."""
        return f"{'_'.join(self.values)}-{self.seed}"


@dataclass(frozen=True)
class Comparison:
    """What a comparison file says; see `owlbit.toolchain.comparisons.comparison_file` for its keys.

    `name`: that of the file; `axes`: by axis and value, what the value changes in the recipe; `compared`: the axis along which
    values are set against `baseline`, or against what `against` has for them; `skip`: combinations that are left out, by axis the
    values; `plot`: values of that axis that the plot has lines for; `thresholds_plot`: trainings whose thresholds are drawn, by
    axis the values, empty for no such plot; `against_bits`: whether accuracy is drawn against bits too; `shared`: the recipe that
    all begin with, as the page shows it; `tables`, `changes`: this recipe and `axes` with paths made absolute.
    """

    name: str
    title: str
    about: str
    seeds: tuple[int, ...]
    axes: Mapping[str, Mapping[str, Mapping[str, Any]]]
    compared: str
    baseline: str
    against: Mapping[str, str]
    skip: Sequence[Mapping[str, Sequence[str]]]
    plot: Sequence[str]
    thresholds_plot: Mapping[str, Sequence[str]]
    against_bits: bool
    shared: Mapping[str, Any]
    tables: Mapping[str, Any]
    changes: Mapping[str, Mapping[str, Mapping[str, Any]]]

    @property
    def others(self) -> tuple[str, ...]:
        """The axes but the compared one."""
        return tuple(axis for axis in self.axes if axis != self.compared)

    def place(self, axis: str) -> int:
        """The index of `axis` in `Case.values`."""
        return list(self.axes).index(axis)

    def combinations(self) -> list[Values]:
        """Every combination that is not skipped, the values of the last axis next to each other."""
        return [values for values in product(*self.axes.values()) if not any(self.fits(values, entry) for entry in self.skip)]

    def cases(self) -> list[Case]:
        """Every training, seed by seed."""
        return [Case(values, seed) for seed in self.seeds for values in self.combinations()]

    def fits(self, values: Values, choice: Mapping[str, Iterable[str]]) -> bool:
        """Whether `values` are among those that `choice` has, axis by axis."""
        return all(values[self.place(axis)] in chosen for axis, chosen in choice.items())

    def with_compared(self, values: Values, value: str) -> Values:
        """`values` with `value` on the compared axis."""
        place = self.place(self.compared)
        return (*values[:place], value, *values[place + 1 :])

    def counterpart(self, value: str) -> str:
        """What `value` of the compared axis is set against."""
        return self.against.get(value, self.baseline)

    def recipe_tables(self, values: Values) -> dict[str, Any]:
        """The recipe of a combination: what all share, then the changes of every axis, in the file's order."""
        tables = dict(self.tables)
        for axis, value in zip(self.axes, values, strict=True):
            tables = merged(tables, self.changes[axis][value])
        return tables

    def recipe(self, case: Case) -> str:
        """The text of the recipe of one training."""
        return tomli_w.dumps(merged(self.recipe_tables(case.values), {"training": {"seed": case.seed}}))

    def chosen(self, only: Sequence[str]) -> list[Case]:
        """The cases that fit every AXIS=VALUE,VALUE.. of `only`, "seed" being an axis too; of one axis, values alone will do.

        Raises OwlbitError for what no case has.
        """
        known = {**{axis: list(values) for axis, values in self.axes.items()}, "seed": [str(seed) for seed in self.seeds]}
        plain = [text for text in only if "=" not in text and len(self.axes) == 1]
        filters = [(self.compared, plain)] if plain else []
        for text in only:
            axis, sign, values = text.partition("=")
            if sign and axis in known:
                filters.append((axis, values.split(",")))
            elif text not in plain:
                raise OwlbitError(f'--only: expected AXIS=VALUE,VALUE.. with an axis of {", ".join(known)}, got "{text}"')
        found = self.cases()
        for axis, wanted in filters:
            for value in wanted:
                if value not in known[axis]:
                    raise OwlbitError(f'--only: expected values of {axis}, {", ".join(known[axis])}, got "{value}"')
            found = [case for case in found if (str(case.seed) if axis == "seed" else case.values[self.place(axis)]) in wanted]
        return found
