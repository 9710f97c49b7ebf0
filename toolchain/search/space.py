"""A space: the tables of a recipe in which some values are chosen by the search, and the recipes that it holds.

A value is chosen where one of these tables stands in its place:

    { choices = [4, 8, 16] }                        # one of a list; numbers that rise are taken as ordered
    { low = 8, high = 64, step = 8 }                # an integer or a number from a range, both ends included
    { low = 0.001, high = 0.03, log = true }        # evenly on a logarithmic scale

A table of [[layers]] may also have `repeat`, how often the layer stands there; 0 leaves it out, and with it what it would choose.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from owlbit.export.settings import SettingError, show

if TYPE_CHECKING:
    from optuna.trial import Trial

REPEAT, LAYERS = "repeat", "layers"
MOST_REPEATS = 64
_RANGE = ("low", "high", "step", "log")


class Parameter(Protocol):
    """A value that the search chooses. `key`: its place in the space, as "layers[1].filters"."""

    @property
    def key(self) -> str: ...

    def first(self) -> Any:
        """The first choice, or the low end."""

    def suggest(self, trial: Trial) -> Any:
        """The value that Optuna proposes in `trial`."""


@dataclass(frozen=True)
class Choice:
    """One of `values`, of any kind that TOML has. Numbers that rise are an ordered scale for Optuna, others are names."""

    key: str
    values: tuple[Any, ...]

    def first(self) -> Any:
        return self.values[0]

    def suggest(self, trial: Trial) -> Any:
        if self._rises():
            return self.values[trial.suggest_int(self.key, 0, len(self.values) - 1)]
        names = self._names()
        return self.values[names.index(trial.suggest_categorical(self.key, names))]

    def inner(self) -> list[int] | list[str]:
        """What Optuna has for each value: its place on the scale, or its name."""
        return list(range(len(self.values))) if self._rises() else self._names()

    def _names(self) -> list[str]:
        return [json.dumps(value) for value in self.values]

    def _rises(self) -> bool:
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in self.values):
            return False
        return list(self.values) == sorted(self.values)


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both included; integers where both are. `step`: 0 for none."""

    key: str
    low: int | float
    high: int | float
    step: int | float = 0
    log: bool = False

    def first(self) -> Any:
        return self.low

    def suggest(self, trial: Trial) -> Any:
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(self.key, self.low, self.high, step=int(self.step) or 1, log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, step=self.step or None, log=self.log)


@dataclass(frozen=True)
class Space:
    """`tables`: those of a recipe, with tables in the places of values that are chosen; `file`: where they were read."""

    tables: Mapping[str, Any]
    file: Path

    def parameters(self) -> list[Parameter]:
        """Everything that is chosen, in the file's order. Raises SettingError where a table of choices cannot be used."""
        return [found for key, value in _walk(self.tables, "") if (found := _parameter(self.file, key, value)) is not None]

    def fill(self, choose: Callable[[Parameter], Any]) -> dict[str, Any]:
        """The tables of a recipe, each chosen value by `choose`; in a layer `repeat` comes first. Raises SettingError."""
        result: dict[str, Any] = {}
        for name, value in self.tables.items():
            if name == LAYERS and isinstance(value, list):
                result[name] = [layer for index, each in enumerate(value) for layer in self._layers(index, each, choose)]
            else:
                result[name] = self._filled(name, value, choose)
        return result

    def _layers(self, index: int, layer: Any, choose: Callable[[Parameter], Any]) -> list[Any]:
        key = f"{LAYERS}[{index}]"
        if not isinstance(layer, Mapping):
            return [layer]
        times = self._filled(f"{key}.{REPEAT}", layer.get(REPEAT, 1), choose)
        if type(times) is not int or not 0 <= times <= MOST_REPEATS:
            raise SettingError(self.file, f"{key}.{REPEAT}", f"an integer from 0 to {MOST_REPEATS}", show(times))
        rest = {name: value for name, value in layer.items() if name != REPEAT}
        return [self._filled(key, rest, choose)] * times if times else []

    def _filled(self, key: str, value: Any, choose: Callable[[Parameter], Any]) -> Any:
        if (found := _parameter(self.file, key, value)) is not None:
            return choose(found)
        if isinstance(value, Mapping):
            return {name: self._filled(f"{key}.{name}", each, choose) for name, each in value.items()}
        if isinstance(value, list):
            return [self._filled(f"{key}[{index}]", each, choose) for index, each in enumerate(value)]
        return value


def _walk(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    yield key, value
    if _is_parameter(value):
        return
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _walk(each, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _walk(each, f"{key}[{index}]")


def _is_parameter(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and ("choices" in value or set(value) <= set(_RANGE))


def _parameter(file: Path, key: str, value: Any) -> Parameter | None:
    """What `value` lets the search choose; None where it is a value of the recipe itself."""
    if not _is_parameter(value):
        return None
    if "choices" in value:
        return _choice(file, key, value)
    low, high, step, log = (value.get(name, default) for name, default in zip(_RANGE, (None, None, 0, False), strict=True))
    for name, each in (("low", low), ("high", high), ("step", step)):
        if isinstance(each, bool) or not isinstance(each, int | float):
            raise SettingError(file, f"{key}.{name}", "a number", "no such key" if each is None else show(each))
    if not low < high:
        raise SettingError(file, f"{key}.high", f"more than low, {low}", show(high))
    if step < 0 or (step and isinstance(low, int) and isinstance(high, int) and not isinstance(step, int)):
        raise SettingError(file, f"{key}.step", "a step above 0, an integer between integers", show(step))
    if type(log) is not bool or (log and (low <= 0 or step)):
        raise SettingError(file, f"{key}.log", "true or false, true only with a low above 0 and no step", show(log))
    return Range(key, low, high, step, log)


def _choice(file: Path, key: str, value: Mapping[str, Any]) -> Choice:
    choices = value["choices"]
    if set(value) != {"choices"}:
        other = next(name for name in value if name != "choices")
        raise SettingError(file, f"{key}.{other}", "no such key beside choices", show(value[other]))
    if not isinstance(choices, list) or not choices:
        raise SettingError(file, f"{key}.choices", "a list with at least one value", show(choices))
    if len({json.dumps(each, default=str) for each in choices}) < len(choices):
        raise SettingError(file, f"{key}.choices", "different values", show(choices))
    return Choice(key, tuple(choices))
