"""A sweep: every combination of a few values of a recipe, each trained into a run folder of its own.

`owlbit train RECIPE --set training.rate=0.001,0.003 --out DIR` is a study of the same kind as a search: resumable, with the same
tables and page. Its grid is put into the study as a whole when it begins, nothing is judged or pruned, and no training looks at the
test images: the choice is made on the validation images, and `owlbit evaluate` tests the chosen run.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.export.settings import SettingError
from owlbit.toolchain.recipes.extends import read_recipe_tables
from owlbit.toolchain.search.records import Trial
from owlbit.toolchain.search.space import Choice
from owlbit.toolchain.search.space_file import ACCURACY, GRID, ConstraintsTable, SearchSpace, SearchTable, make_space

MOST_COMBINATIONS = 10_000


def read_sweep(recipe: Path, changes: Sequence[str]) -> SearchSpace:
    """The space of the recipe file with `changes`, each as "training.rate=0.001,0.003". Raises OwlbitError."""
    tables: dict[str, Any] = read_recipe_tables(recipe).tables
    keys = []
    for change in changes:
        key, values = _parsed(change)
        if key in keys:
            raise OwlbitError(f"--set: expected each key once, got {key} again; give all of its values in one")
        keys.append(key)
        tables = _with(recipe, tables, key, {"choices": values})
    search = SearchTable.model_validate({"objectives": [ACCURACY], "sampler": GRID, "prune": False, "finals": 0})
    space = make_space(tables, recipe, search, ConstraintsTable(), {})
    count = prod(len(each.values) for each in space.parameters if isinstance(each, Choice))
    if count > MOST_COMBINATIONS:
        raise OwlbitError(f"--set: expected at most {MOST_COMBINATIONS:,} combinations, got {count:,}; leave values out")
    return space.with_trials(count)


def run_name(trial: Trial) -> str:
    """What the run folder of a combination is called: "rate=0.001", or with the whole key where that is needed."""
    lasts = [key.rpartition(".")[2] for key in trial.values]
    short = len(set(lasts)) == len(lasts)
    parts = []
    for last, (key, value) in zip(lasts, trial.values.items(), strict=True):
        text = value if isinstance(value, str) else json.dumps(value)
        parts.append(f"{last if short else key}={text}")
    return re.sub(r"[^\w.=,+-]", "_", ",".join(parts))


def _parsed(change: str) -> tuple[str, list[Any]]:
    """(key, values) of "KEY=VALUE,VALUE", as TOML or, where that is none, as words."""
    key, sign, text = change.partition("=")
    if not sign or not key.strip() or not text.strip():
        raise OwlbitError(f'--set: expected KEY=VALUE,VALUE.., as training.rate=0.001,0.003, got "{change}"')
    try:
        values = tomllib.loads(f"values = [{text}]")["values"]
    except tomllib.TOMLDecodeError:
        values = [word.strip() for word in text.split(",")]
    return key.strip(), list(values)


def _with(file: Path, tables: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """`tables` with `value` at `key`, as "layers[0].filters"; tables that are not there are made."""
    steps = [part for part in re.split(r"\.|\[(\d+)\]", key) if part]
    result: Any = json.loads(json.dumps(dict(tables)))
    here = result
    for place, step in enumerate(steps):
        last = place == len(steps) - 1
        if isinstance(here, list):
            if not step.isdigit() or int(step) >= len(here):
                raise SettingError(file, key, f"one of its {len(here)} tables", f"[{step}]")
            at: Any = int(step)
        else:
            at = step
            if not last:
                here.setdefault(step, {})
        if last:
            here[at] = value
        else:
            here = here[at]
            if not isinstance(here, dict | list):
                raise SettingError(file, key, "a key of a table", "one within a value")
    return dict(result)
