"""A comparison file: one recipe, and variants of it that are trained with the same seeds.

    title = "Distillation"
    recipe = "../recipes/digits.toml"      # what all variants share, relative to this file
    seeds = [0, 1, 2]
    baseline = "plain"                     # the variant that the others are measured against

    [shared.training]                      # changes of the recipe that all variants share, if any
    epochs = 10

    [variants.plain]                       # nothing but that

    [variants.distilled.distillation]      # a recipe's tables, keys and all
    teacher = "float"

Changes are merged as those of a recipe that extends another: see `owlbit.toolchain.recipes.extends`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from owlbit.export.settings import RefusedError, checked, read_toml
from owlbit.models.recipe_keys import key
from owlbit.toolchain.recipes.extends import merged, read_recipe_tables, with_paths

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")  # also the name of a folder


def _read_seeds(seeds: Any) -> Any:
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds) or len(set(seeds)) < len(seeds):
        raise RefusedError("", "a list of different integers", repr(seeds))
    return tuple(seeds)


def _read_variants(variants: Any) -> Any:
    if not isinstance(variants, dict) or len(variants) < 2 or not all(isinstance(each, dict) for each in variants.values()):
        raise RefusedError("", "at least two tables, each headed [variants.NAME]", repr(variants))
    for name in variants:
        if not NAME.fullmatch(name):
            raise RefusedError(name, "a name of small letters, digits and dashes", f'"{name}"')
    return variants


class ComparisonFile(BaseModel):
    """All that a comparison file may say; paths are relative to the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Annotated[str, key("the heading of the page")]
    recipe: Annotated[str, key("what all variants share, relative to this file", expected="the path of a recipe")]
    seeds: Annotated[tuple[int, ...], BeforeValidator(_read_seeds)]
    baseline: Annotated[str, key("the variant that the others are measured against", expected="a variant's name")]
    shared: Annotated[dict[str, Any], key("changes of the recipe that all variants share", expected="tables of a recipe")] = {}
    variants: Annotated[dict[str, dict[str, Any]], BeforeValidator(_read_variants)]

    @model_validator(mode="after")
    def _has_its_baseline(self) -> Self:
        if self.baseline not in self.variants:
            raise RefusedError("baseline", f"one of {', '.join(self.variants)}", f'"{self.baseline}"')
        return self


@dataclass(frozen=True)
class Comparison:
    """What a comparison file says.

    `name`: that of the file; `shared`: the recipe that all variants begin with; `changes`: what each variant changes, in the file's
    order; `variants`: its whole recipe, with paths made absolute.
    """

    name: str
    title: str
    seeds: tuple[int, ...]
    baseline: str
    shared: Mapping[str, Any]
    changes: Mapping[str, Mapping[str, Any]]
    variants: Mapping[str, Mapping[str, Any]]

    def recipe(self, variant: str, seed: int) -> str:
        """The text of the recipe that `variant` is trained by with `seed`."""
        return tomli_w.dumps(merged(self.variants[variant], {"training": {"seed": seed}}))


def read_comparison(path: Path) -> Comparison:
    """The comparison in the file `path`. Raises OwlbitError where it or its recipe cannot be read, SettingError for a key."""
    file = checked(ComparisonFile, read_toml(path, "a comparison")[0], path)
    base = path.parent / file.recipe
    recipe = read_recipe_tables(base).tables
    start = merged(_anchored(recipe, base.parent), _anchored(file.shared, path.parent))
    return Comparison(
        name=path.stem,
        title=file.title,
        seeds=file.seeds,
        baseline=file.baseline,
        shared=merged(recipe, file.shared),
        changes=file.variants,
        variants={name: merged(start, _anchored(changes, path.parent)) for name, changes in file.variants.items()},
    )


def _anchored(recipe: Mapping[str, Any], base: Path) -> Mapping[str, Any]:
    """`recipe` with its paths, which are relative to `base`, made absolute: the variants are written elsewhere."""
    return with_paths(recipe, lambda path: str((base / path).resolve()))
