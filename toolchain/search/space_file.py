"""SPACE.toml: a recipe with values to choose, what a candidate must meet, and how it is searched.

    extends = "../recipes/digits.toml"       # everything that a recipe may say, and values to choose: see `space`

    [[layers]]
    kind = "conv"
    filters = { low = 8, high = 48, step = 8 }

    [constraints]                            # candidates that do not meet them are never trained
    target = "up5k"
    fps = 200
    bits = 30_000

    [search]
    objectives = ["accuracy", "bits"]
    trials = 40

    [final]                                  # what is different when the networks that were found are trained to be used
    training = { epochs = 180, keep = "last" }
    data = { validation = 0.02 }

Tables are merged with those of the file that `extends` names, as in recipes; that file may be a space too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from owlbit.export.errors import OwlbitError
from owlbit.export.settings import RefusedError, SettingError, checked, load_toml
from owlbit.models.recipe_keys import OneOf, key
from owlbit.toolchain.recipes.extends import EXTENDS, merged, read_recipe_tables, with_absolute_paths
from owlbit.toolchain.search.space import Choice, Parameter, Space

ACCURACY = "accuracy"
# What a candidate costs, by name, in the order of tables; of a target those of `owlbit.toolchain.checks.targets.FIGURES`.
COSTS = {
    "bits": "binary weights",
    "macs": "binary multiply-accumulates per image",
    "cycles": "clock cycles per frame",
    "energy": "joules per frame",
    "bytes": "bytes of the target's memory",
    "luts": "logic cells",
}
OF_TARGET = ("cycles", "energy", "bytes", "luts")
RATE = "fps"
BASELINE, GRID = "random", "grid"


def _read_objectives(objectives: Any) -> Any:
    known = (ACCURACY, *COSTS)
    fine = isinstance(objectives, list) and all(each in known for each in objectives) and objectives[:1] == [ACCURACY]
    if not fine or len(set(objectives)) < len(objectives):
        raise RefusedError("", f'a list that begins with "accuracy", then any of {", ".join(COSTS)}', repr(objectives))
    return tuple(objectives)


def _read_seeds(seeds: Any) -> Any:
    if not isinstance(seeds, list) or not seeds or not all(type(each) is int and each >= 0 for each in seeds):
        raise RefusedError("", "a list of integers of at least 0", repr(seeds))
    if len(set(seeds)) < len(seeds):
        raise RefusedError("", "a list of different integers", repr(seeds))
    return tuple(seeds)


class SearchTable(BaseModel):
    """[search]: how the space is searched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    objectives: Annotated[
        tuple[str, ...],
        BeforeValidator(_read_objectives),
        key('"accuracy", then any of ' + ", ".join(f'"{each}"' for each in COSTS)),
    ] = (ACCURACY, "bits")
    trials: Annotated[int, key("candidates to train, per sampler and seed", 1, 100_000)] = 40
    sampler: Annotated[
        str, OneOf("Optuna's sampler; grid: every combination, of choices only", ("tpe", "nsga", BASELINE, GRID))
    ] = "tpe"
    seeds: Annotated[tuple[int, ...], BeforeValidator(_read_seeds), key("seeds of the sampler; each makes a study")] = (0,)
    baseline: Annotated[bool, key("search at random too, with as many trials and the same seeds")] = False
    prune: Annotated[bool, key("end trials early whose validation curve stays below that of cheaper networks")] = True
    finals: Annotated[int, key("networks of the Pareto front that are trained at the end and tested once", 0, 1000)] = 3
    before: Annotated[
        bool, key("train the recipe that the space extends in the same way as the finals: the network before the search")
    ] = False

    @property
    def costs(self) -> tuple[str, ...]:
        """The objectives but accuracy; all are minimised."""
        return self.objectives[1:]

    def studies(self) -> list[tuple[str, int]]:
        """(sampler, seed) of every study, the baseline's after that of the same seed."""
        samplers = [self.sampler, *([BASELINE] if self.baseline and self.sampler != BASELINE else [])]
        return [(sampler, seed) for seed in self.seeds for sampler in samplers]


class ConstraintsTable(BaseModel):
    """[constraints]: what a candidate must meet to be trained. 0 stands for no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    target: Annotated[str, key("the device that must take the network, as for `owlbit build --target`")] = ""
    fps: Annotated[float, key("frames per second at least", 0)] = 0.0
    bits: Annotated[float, key("binary weights at most", 0)] = 0.0
    macs: Annotated[float, key("binary multiply-accumulates per image at most", 0)] = 0.0
    cycles: Annotated[float, key("clock cycles per frame at most", 0)] = 0.0
    energy: Annotated[float, key("joules per frame at most", 0)] = 0.0
    bytes: Annotated[float, key("bytes of the target's memory at most", 0)] = 0.0
    luts: Annotated[float, key("logic cells at most", 0)] = 0.0

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by the figure that they limit."""
        return {name: value for name in (RATE, *COSTS) if (value := getattr(self, name))}

    @model_validator(mode="after")
    def _names_its_target(self) -> Self:
        for name in (RATE, *OF_TARGET):
            if getattr(self, name) and not self.target:
                raise RefusedError("target", f'a device, as in target = "up5k", beside {name}', "no such key")
        return self


class _Tables(BaseModel):
    """The tables that a space has beside those of a recipe; `final` is checked with the recipes that it changes."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    search: SearchTable = SearchTable()
    constraints: ConstraintsTable = ConstraintsTable()
    final: dict[str, Any] = {}

    @model_validator(mode="after")
    def _costs_are_of_the_target(self) -> Self:
        for name in self.search.costs:
            if name in OF_TARGET and not self.constraints.target:
                raise RefusedError(
                    "constraints.target", f'a device, as in target = "up5k", for the objective {name}', "no such key"
                )
        return self


@dataclass(frozen=True)
class Finish:
    """What recipes of trials get to be files: the `name` of the space, that of its `file`, and what is `changed` in a final
    training."""

    name: str = ""
    file: str = ""
    changed: Mapping[str, Any] = field(default_factory=dict)

    def final(self, tables: Mapping[str, Any]) -> dict[str, Any]:
        """The recipe of `tables` as it is trained at the end."""
        return merged(tables, self.changed)


@dataclass(frozen=True)
class SearchSpace:
    """What SPACE.toml says. `name`: of the space; `space`: the recipes; `parameters`: what is chosen in them; `final`: the tables
    that are different in final trainings."""

    name: str
    space: Space
    parameters: tuple[Parameter, ...]
    search: SearchTable
    constraints: ConstraintsTable
    final: Mapping[str, Any]

    @property
    def finish(self) -> Finish:
        """What recipes of its trials get."""
        return Finish(self.name, self.space.file.name, self.final)

    @property
    def extended(self) -> Path | None:
        """The recipe that the space extends, None where it stands for itself."""
        given = load_toml(self.space.file)[0].get(EXTENDS)
        return None if given is None else self.space.file.parent / given

    def with_trials(self, trials: int) -> SearchSpace:
        """The same with another number of trials."""
        return replace(self, search=self.search.model_copy(update={"trials": trials}))

    def grid(self) -> list[dict[str, Any]]:
        """Every combination, as Optuna has its parameters. Raises SettingError where one is a range."""
        for each in self.parameters:
            if not isinstance(each, Choice):
                raise SettingError(self.space.file, each.key, f'choices, with sampler = "{GRID}"', "a range")
        keys = [each.key for each in self.parameters]
        choices = [each.inner() for each in self.parameters if isinstance(each, Choice)]
        return [dict(zip(keys, values, strict=True)) for values in product(*choices)]

    def identity(self) -> dict[str, str]:
        """What makes it this space, as JSON texts by key: the recipes, the constraints, the objectives, and the pruning.

        Trials may be added to a study as long as these stay; the number of trials, seeds, baseline and finals may change.
        """
        of_search = {"objectives": self.search.objectives, "prune": self.search.prune}
        parts: Mapping[str, Any] = {**self.space.tables, "constraints": self.constraints.model_dump(), "search": of_search}
        return {name: json.dumps(value, sort_keys=True, default=str) for name, value in parts.items() if name != "name"}


def read_space(path: Path) -> SearchSpace:
    """The space in the file `path`. Raises OwlbitError where it, or what it extends, cannot be read, SettingError for a key."""
    found = read_recipe_tables(path)
    if "recipe" in found.tables:
        raise SettingError(path, "recipe", 'no such key; the recipe that a space changes stands in extends = "FILE.toml"', "one")
    own = checked(_Tables, found.tables, path, file_of=found.file_of)
    return make_space(found.tables, path, own.search, own.constraints, own.final)


def make_space(
    tables: Mapping[str, Any], path: Path, search: SearchTable, constraints: ConstraintsTable, final: Mapping[str, Any]
) -> SearchSpace:
    """The space of the recipes in `tables`, read from `path`. Raises SettingError where it is empty or holds no recipe."""
    recipe = {name: value for name, value in tables.items() if name not in _Tables.model_fields}
    absolute = with_absolute_paths(recipe, path)
    space = Space(absolute, path)
    parameters = space.parameters()
    if not parameters:
        raise OwlbitError(
            f"{path}: expected at least one value to choose, as in filters = {{ low = 8, high = 64, step = 8 }} or "
            "thresholds = { choices = [4, 8] }, found none: the space is empty"
        )
    name = recipe.get("name")
    named = name if isinstance(name, str) and name else path.stem
    return SearchSpace(named, space, tuple(parameters), search, constraints, with_absolute_paths(final, path))
