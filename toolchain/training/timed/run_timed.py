"""`owlbit train RECIPE --minutes N`: a training for a fixed time as a run folder, like that of a training by epochs.

timed.json   steps, epochs, images/s, seconds and the device, beside the files of `owlbit.toolchain.runs.run_folder`
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from owlbit.models.networks.trainable import Trainable
from owlbit.toolchain.data.dataset import Dataset
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.run_folder import TIMED, Result, start_run, write_json
from owlbit.toolchain.runs.run_lock import run_locks
from owlbit.toolchain.runs.weights import write_model
from owlbit.toolchain.training.finish import finish_run
from owlbit.toolchain.training.prepare import check_apart, teacher_of_run
from owlbit.toolchain.training.timed.train_timed import check_timed, train_timed


@run_locks()
def train_for_minutes(
    recipe: Recipe,
    out: Path | str,
    minutes: float,
    *,
    overwrite: bool = False,
    compiled: bool = True,
    console: Console | None = None,
    dataset: Dataset | None = None,
    began: float | None = None,
) -> Result:
    """Trains `recipe` for `minutes`, preparation included, into the run folder `out` and returns how it ended.

    `training.epochs` and `training.keep` have no effect: the last weights are kept. At each line of progress the weights so far are
    written to model.safetensors; result.json marks a finished run. `overwrite`, `dataset`: as for a training by epochs. Raises
    OwlbitError. `began`: the time.monotonic() that the minutes count from, for a caller who read the images; now by default.
    """
    began = time.monotonic() if began is None else began
    out, console = Path(out), console or Console(stderr=True)
    check_timed(recipe)
    check_apart(recipe, out)
    dataset = load_dataset(recipe.data, recipe.path.parent, extra=True) if dataset is None else dataset
    teacher = teacher_of_run(recipe, dataset)
    arguments = out, recipe, dataset.class_names
    start_run(*arguments, resume=False, overwrite=overwrite, skipped=dataset.skipped, automatic_precision="bfloat16")

    def keep(net: Trainable) -> None:
        write_model(out, {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()})

    seconds = began + 60 * minutes - time.monotonic()
    net, told = train_timed(recipe, dataset, seconds, console, teacher, compiled=compiled, keep=keep)
    facts = {**vars(told), "minutes": minutes}
    facts.pop("history")
    write_json(out / TIMED, facts)
    last = told.history[-1].epoch
    ended = replace(recipe, training=replace(recipe.training, epochs=last + 1))
    return finish_run(ended, dataset, net, told.history, last, out, console)
