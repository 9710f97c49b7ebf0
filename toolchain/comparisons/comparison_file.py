"""A comparison file: one recipe, and what is varied in it, every combination trained with the same seeds.

    title = "Distillation"
    recipe = "../recipes/digits.toml"      # what all trainings share, relative to this file
    seeds = [0, 1, 2]
    baseline = "plain"                     # the variant that the others are measured against

    [shared.training]                      # changes of the recipe that all trainings share, if any
    epochs = 10

    [variants.plain]                       # nothing but that

    [variants.distilled.distillation]      # a recipe's tables, keys and all
    teacher = "float"

Changes are merged as those of a recipe that extends another: see `owlbit.toolchain.recipes.extends`.

In place of `[variants]`, which are an axis called "variant", there may be several axes: `[axes.AXIS.VALUE]` has what a value
changes. Every combination of their values is trained. With them there may be

    compared = "encoding"                  # the axis that `baseline` is a value of; the last one without this key
    about = "Paragraphs for the page."
    plot = ["learned", "quantile"]         # values of that axis to have a line in the plot; all without this key

    [against]                              # where a value is set against another than the baseline
    learned-shared = "quantile-shared"

    [[skip]]                               # combinations of these values are left out
    encoding = ["bit-planes"]
    thresholds = ["2", "4"]

    [thresholds_plot]                      # the trainings whose thresholds are drawn
    colour = ["gray"]

With `against_bits = true` there is a plot of accuracy against binary weights too, of comparisons with or without axes.

In tables and plots the first of the other axes makes columns, the last makes lines; any between make rows of panels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from owlbit.export.settings import RefusedError, checked, read_toml, show
from owlbit.models.recipe_keys import key
from owlbit.toolchain.comparisons.comparison import Comparison
from owlbit.toolchain.comparisons.results_file import COLUMNS
from owlbit.toolchain.recipes.extends import merged, read_recipe_tables, with_paths

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")  # also part of a folder's name
Changes = dict[str, dict[str, Any]]  # by the value of an axis
Choice = dict[str, list[str]]  # by axis


def _read_seeds(seeds: Any) -> Any:
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds) or len(set(seeds)) < len(seeds):
        raise RefusedError("", "a list of different integers", repr(seeds))
    return tuple(seeds)


def _read_variants(variants: Any) -> Any:
    return _read_values(variants, "variants", "")


def _read_axes(axes: Any) -> Any:
    if not isinstance(axes, dict) or not axes:
        raise RefusedError("", "tables headed [axes.AXIS.VALUE]", show(axes))
    for axis, values in axes.items():
        if not NAME.fullmatch(axis) or axis in COLUMNS:
            wanted = f"a name of small letters, digits and dashes, other than {', '.join(COLUMNS)}"
            raise RefusedError(axis, wanted, f'"{axis}"')
        _read_values(values, f"axes.{axis}", axis)
    return axes


def _read_values(values: Any, heading: str, at: str) -> Any:
    if not isinstance(values, dict) or len(values) < 2 or not all(isinstance(each, dict) for each in values.values()):
        wanted = f"at least two tables, each headed [{heading}.{'NAME' if heading == 'variants' else 'VALUE'}]"
        raise RefusedError(at, wanted, repr(values))
    for name in values:
        if not NAME.fullmatch(name):
            raise RefusedError(f"{at}.{name}".lstrip("."), "a name of small letters, digits and dashes", f'"{name}"')
    return values


class ComparisonFile(BaseModel):
    """All that a comparison file may say; paths are relative to the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Annotated[str, key("the heading of the page")]
    about: Annotated[str, key("paragraphs for the page, in Markdown")] = ""
    recipe: Annotated[str, key("what all trainings share, relative to this file", expected="the path of a recipe")]
    seeds: Annotated[tuple[int, ...], BeforeValidator(_read_seeds)]
    shared: Annotated[dict[str, Any], key("changes of the recipe that all share", expected="tables of a recipe")] = {}
    variants: Annotated[Changes, BeforeValidator(_read_variants)] = {}
    axes: Annotated[dict[str, Changes], BeforeValidator(_read_axes)] = {}
    compared: Annotated[str, key("the axis along which values are compared", expected="an axis")] = ""
    baseline: Annotated[str, key("the value that the others are measured against", expected="a variant's name")]
    against: Annotated[dict[str, str], key("what a value is measured against in place of the baseline")] = {}
    plot: Annotated[list[str], key("the values that have a line in the plot", expected="a list of values")] = []
    skip: Annotated[
        list[Choice], key("combinations that are left out", expected="tables headed [[skip]], of axes with lists of their values")
    ] = []
    against_bits: Annotated[bool, key("whether accuracy is drawn against binary weights too")] = False
    thresholds_plot: Annotated[
        Choice, key("the trainings whose thresholds are drawn", expected="a table of axes with lists of their values")
    ] = {}

    @property
    def every_axis(self) -> dict[str, Changes]:
        """The axes, [variants] being one of them."""
        return self.axes or {"variant": self.variants}

    @property
    def compared_axis(self) -> str:
        """The name of the compared axis."""
        return self.compared or list(self.every_axis)[-1]

    @model_validator(mode="after")
    def _names_what_there_is(self) -> Self:
        if bool(self.variants) == bool(self.axes):
            raise RefusedError("variants", "[variants.NAME] or [axes.AXIS.VALUE] tables", "both" if self.axes else "neither")
        axes = self.every_axis
        _check("compared", [self.compared_axis], axes)
        values = axes[self.compared_axis]
        _check("baseline", [self.baseline], values)
        for value, other in self.against.items():
            _check(f"against.{value}", [value, other], values)
        _check("plot", self.plot, values)
        choices = {f"skip[{index}]": entry for index, entry in enumerate(self.skip)} | {"thresholds_plot": self.thresholds_plot}
        for where, choice in choices.items():
            if not choice and where != "thresholds_plot":
                raise RefusedError(where, "an axis at least, with a list of its values", "none")
            for axis, chosen in choice.items():
                _check(f"{where}.{axis}", [axis], axes)
                _check(f"{where}.{axis}", chosen, axes[axis])
        return self


def _check(where: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise RefusedError(where, f"one of {', '.join(known)}", f'"{name}"')


def read_comparison(path: Path) -> Comparison:
    """The comparison in the file `path`. Raises OwlbitError where it or its recipe cannot be read, SettingError for a key."""
    file = checked(ComparisonFile, read_toml(path, "a comparison")[0], path)
    base = path.parent / file.recipe
    recipe = read_recipe_tables(base).tables
    axes = file.every_axis
    return Comparison(
        name=path.stem,
        title=file.title,
        about=file.about,
        seeds=file.seeds,
        axes=axes,
        compared=file.compared_axis,
        baseline=file.baseline,
        against=file.against,
        skip=file.skip,
        plot=file.plot or list(axes[file.compared_axis]),
        thresholds_plot=file.thresholds_plot,
        against_bits=file.against_bits,
        shared=merged(recipe, file.shared),
        tables=merged(_anchored(recipe, base.parent), _anchored(file.shared, path.parent)),
        changes={
            axis: {value: _anchored(change, path.parent) for value, change in changes.items()} for axis, changes in axes.items()
        },
    )


def _anchored(recipe: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """`recipe` with its paths, which are relative to `base`, made absolute: the recipes of the trainings are written elsewhere."""
    return with_paths(recipe, lambda path: str((base / path).resolve()))
