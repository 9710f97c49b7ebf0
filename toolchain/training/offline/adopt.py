"""A run that was trained on another machine becomes a run of this one, with its test images counted here."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.build_net import build_net
from owlbit.toolchain.runs.history import read_history
from owlbit.toolchain.runs.run_folder import HISTORY, MODEL, RECIPE, TIMED, Result, RunError, read_result, run_recipe, start_run
from owlbit.toolchain.runs.run_lock import run_locks
from owlbit.toolchain.runs.weights import read_weights
from owlbit.toolchain.training.finish import finish_run

MOVED = ("path", "groups", "test", "source")  # keys of [data] that packing changes


@run_locks()
def adopt_run(there: Path, recipe: Recipe, out: Path, console: Console, *, overwrite: bool = False) -> Result:
    """Makes the run folder `out` of `there`, a finished run of `recipe` trained from a pack; returns its figures.

    Validation and test images are counted here, by the images of `recipe`; the weights are those of `there`. Raises RunError where
    `there` is another recipe's run or not finished, OwlbitError where the images cannot be read.
    """
    trained, class_names, _ = run_recipe(there)
    result = read_result(there)
    mine, theirs = (_compared(tomllib.loads(text)) for text in (recipe.text, trained.text))
    if mine != theirs:
        different = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
        raise RunError(f"{there / RECIPE}: expected the recipe {recipe.path} as it was packed, got another {', '.join(different)}")
    dataset = load_dataset(recipe.data, recipe.path.parent)
    if dataset.class_names != class_names:
        raise RunError(f"{there}: expected the classes {', '.join(dataset.class_names)}, got {', '.join(class_names)}")
    net = read_weights(build_net(recipe, len(class_names)), there / MODEL)
    history = read_history(there / HISTORY)
    start_run(out, recipe, class_names, resume=False, overwrite=overwrite)
    if (there / TIMED).is_file():
        shutil.copy(there / TIMED, out / TIMED)
    ended = replace(recipe, training=replace(recipe.training, epochs=result.epochs))
    return finish_run(ended, dataset, net, history, result.best_epoch, out, console)


def _compared(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables of a recipe without what packing changes."""
    data = {key: value for key, value in tables["data"].items() if key not in MOVED}
    if "extra" in data:
        data["extra"] = {key: value for key, value in data["extra"].items() if key not in MOVED}
    kept = {**tables, "data": data}
    for header, key in (("distillation", "teacher"), ("training", "from_run")):
        if key in kept.get(header, {}):
            kept[header] = {**kept[header], key: Path(kept[header][key]).name}
    return kept
