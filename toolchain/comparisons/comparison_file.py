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

A table is merged key by key, a list takes the place of the recipe's, and `false` in place of a table leaves the table out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.recipes.tables import SettingError

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")  # also the name of a folder


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
    table = _read(path, "a comparison")
    known = ("title", "recipe", "seeds", "baseline", "shared", "variants")
    for key in table:
        if key not in known:
            raise SettingError(path, key, f"one of {', '.join(known)}", "this key")
    for key, wanted in (("title", "a text"), ("recipe", "the path of a recipe"), ("baseline", "a variant's name")):
        if not isinstance(table.get(key), str):
            raise SettingError(path, key, wanted, repr(table[key]) if key in table else "no such key")
    seeds, variants, shared = table.get("seeds"), table.get("variants"), table.get("shared", {})
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds) or len(set(seeds)) < len(seeds):
        raise SettingError(path, "seeds", "a list of different integers", repr(seeds))
    if not isinstance(shared, dict):
        raise SettingError(path, "shared", "tables of a recipe", repr(shared))
    if not isinstance(variants, dict) or len(variants) < 2 or not all(isinstance(each, dict) for each in variants.values()):
        raise SettingError(path, "variants", "at least two tables, each headed [variants.NAME]", repr(variants))
    for name in variants:
        if not NAME.fullmatch(name):
            raise SettingError(path, f"variants.{name}", "a name of small letters, digits and dashes", f'"{name}"')
    if table["baseline"] not in variants:
        raise SettingError(path, "baseline", f"one of {', '.join(variants)}", f'"{table["baseline"]}"')
    base = path.parent / table["recipe"]
    recipe = _read(base, "a recipe")
    start = merged(_anchored(recipe, base.parent), _anchored(shared, path.parent))
    return Comparison(
        name=path.stem,
        title=table["title"],
        seeds=tuple(seeds),
        baseline=table["baseline"],
        shared=merged(recipe, shared),
        changes=variants,
        variants={name: merged(start, _anchored(changes, path.parent)) for name, changes in variants.items()},
    )


def merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`table` with `changes`: tables key by key, anything else in place of what was there, tables that are now false left out."""
    result = dict(table)
    for key, value in changes.items():
        if value is False and isinstance(result.get(key), Mapping):
            del result[key]
        elif isinstance(value, Mapping) and isinstance(result.get(key, {}), Mapping):
            result[key] = merged(result.get(key, {}), value)
        else:
            result[key] = value
    return result


def _anchored(recipe: Mapping[str, Any], base: Path) -> Mapping[str, Any]:
    """`recipe` with its paths, which are relative to `base`, made absolute: the variants are written elsewhere."""
    result = dict(recipe)
    for table, keys in (("data", ("path", "test")), ("training", ("from_run",)), ("distillation", ("teacher",))):
        found = result.get(table)
        if isinstance(found, Mapping):
            paths = {key: found[key] for key in keys if isinstance(found.get(key), str) and found[key] not in ("", "float")}
            result[table] = {**found, **{key: str((base / value).resolve()) for key, value in paths.items()}}
    return result


def _read(path: Path, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OwlbitError(f"{path}: expected {what}, found no such file") from None
    except IsADirectoryError:
        raise OwlbitError(f"{path}: expected {what}, found a folder") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OwlbitError(f"{path}: expected a TOML file, got: {error}") from None
