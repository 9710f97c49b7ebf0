"""The axes of the parallel coordinates of a search, and where each trial lies on them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from owlbit.toolchain.search.candidates import shown
from owlbit.toolchain.search.importance import place_in
from owlbit.toolchain.search.records import Trial
from owlbit.toolchain.search.space import Choice, Parameter, Range
from owlbit.toolchain.search.space_file import ACCURACY, SearchSpace


@dataclass(frozen=True)
class Axis:
    """`name`: of what it shows; `ticks`: (place, label), the place from 0 at the bottom to 1; `places`: of each trial, None where
    the trial has no such value."""

    name: str
    ticks: tuple[tuple[float, str], ...]
    places: tuple[float | None, ...]

    def as_json(self) -> dict[str, Any]:
        """For the page's script."""
        places = [None if place is None else round(place, 4) for place in self.places]
        return {"name": self.name, "ticks": self.ticks, "places": places}


def axes_of(space: SearchSpace, trials: Sequence[Trial]) -> list[Axis]:
    """An axis per parameter, then one per cost, then accuracy; `trials`: finished ones."""
    own = [_of_parameter(parameter, trials) for parameter in space.parameters]
    costs = [_of_numbers(name, [trial.cost(name) for trial in trials], log=True) for name in space.search.costs]
    return [*own, *costs, _of_numbers(ACCURACY, [100 * trial.accuracy for trial in trials], log=False)]


def _of_parameter(parameter: Parameter, trials: Sequence[Trial]) -> Axis:
    values = [trial.values.get(parameter.key) for trial in trials]
    if isinstance(parameter, Range):
        places = tuple(None if value is None else place_in(parameter, value) for value in values)
        return Axis(parameter.key, ((0.0, shown(parameter.low)), (1.0, shown(parameter.high))), places)
    assert isinstance(parameter, Choice)
    names = [json.dumps(value) for value in parameter.values]
    steps = [index / max(1, len(names) - 1) for index in range(len(names))]
    ticks = tuple((step, name.strip('"')) for step, name in zip(steps, names, strict=True))
    return Axis(parameter.key, ticks, tuple(None if value is None else steps[names.index(json.dumps(value))] for value in values))


def _of_numbers(name: str, numbers: Sequence[float], *, log: bool) -> Axis:
    scale = math.log if log and min(numbers) > 0 else float
    low, high = scale(min(numbers)), scale(max(numbers))
    places = tuple((scale(number) - low) / (high - low) if high > low else 0.5 for number in numbers)
    return Axis(name, ((0.0, _label(name, min(numbers))), (1.0, _label(name, max(numbers)))), places)


def _label(name: str, number: float) -> str:
    return f"{number:.1f} %" if name == ACCURACY else shown(number)
