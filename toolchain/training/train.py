"""From a recipe to a run folder: the teacher, the network, and its accuracy on the test images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numba
import tomli_w
import torch
from rich.console import Console
from torch import Tensor

from owlbit.models.networks.trainable import Trainable
from owlbit.toolchain.data.dataset import Dataset
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.recipes.training import Distillation
from owlbit.toolchain.runs.build_net import build_net, teacher_recipe
from owlbit.toolchain.runs.history import write_history
from owlbit.toolchain.runs.run_folder import (
    CHECKPOINT,
    EARLIER,
    MODEL,
    RESULT,
    TEACHER,
    TEACHER_HISTORY,
    EarlierTraining,
    Result,
    earlier_files,
    read_facts,
    read_result,
    start_run,
)
from owlbit.toolchain.runs.run_lock import run_locks
from owlbit.toolchain.runs.weights import read_state, read_weights, write_model
from owlbit.toolchain.training.callbacks import Watch
from owlbit.toolchain.training.distributed import join_processes, wait_for_all, world
from owlbit.toolchain.training.finish import finish_run, layer_macs
from owlbit.toolchain.training.fit import OF_RUN, OF_TEACHER, NetworkTraining
from owlbit.toolchain.training.memory import keep_memory, told_when_full
from owlbit.toolchain.training.precision import AUTO, asks_for, automatic_precision, with_precision
from owlbit.toolchain.training.prepare import Prepared, prepare_trainings
from owlbit.toolchain.training.start_weights import start_weights

SMALL_NETWORK_MACS = 20_000_000
SLOW_BFLOAT16 = (
    'precision = "bfloat16": this processor does not multiply such numbers natively and trains many times slower than with '
    'precision = "auto" in the recipe, which then gives other weights'
)


@run_locks()
def train(
    recipe: Recipe,
    out: Path | str,
    *,
    resume: bool = False,
    overwrite: bool = False,
    console: Console | None = None,
    stop_after: int | None = None,
    dataset: Dataset | None = None,
    logger: str = "",
    watch: Watch | None = None,
) -> Result | None:
    """Trains `recipe` into the run folder `out` (see `owlbit.toolchain.runs.run_folder`) and returns how it ended.

    `resume`: go on after the last finished epoch; the final weights are those of an uninterrupted training. `overwrite`: begin anew
    in a folder that holds a run. `stop_after`: stop after so many epochs in all, a teacher's first, as if killed there, and return
    None. `dataset`: the recipe's images, where they are at hand; `logger`: one of `owlbit.toolchain.training.loggers`, or "";
    `watch`: gets the record of each epoch of the network, and ends the training by an error that it raises.
    Raises OwlbitError (DataError, RunError), and KeyboardInterrupt where the user stops it.
    """
    out = Path(out)
    rank = world()[0]
    # What may be refused comes before anything is written.
    earlier_files(out, resume=resume, overwrite=overwrite)
    trainings = prepare_trainings(recipe, out, dataset)
    folders = [*(out / EARLIER.format(number) for number in range(1, len(trainings))), out]
    begun = resume and (folders[0] / CHECKPOINT).exists()
    earlier = None if begun else start_weights(trainings[0].recipe, trainings[0].dataset)
    join_processes()
    console = console or Console(stderr=True, quiet=rank > 0)
    if rank == 0:
        precision, why = automatic_precision()
        last = trainings[-1].dataset
        flags = {"resume": resume, "overwrite": overwrite}
        start_run(out, recipe, last.class_names, **flags, skipped=last.skipped, automatic_precision=precision)
        if asks_for(recipe, AUTO):
            recorded = read_facts(out).automatic_precision
            why = why if recorded == precision else "as this run began, although another is faster here"
            console.print(f'precision = "auto": {recorded}, {why}', highlight=False)
        if precision != "bfloat16" and asks_for(recipe, "bfloat16"):
            console.print(SLOW_BFLOAT16, highlight=False, soft_wrap=True)
    wait_for_all()
    if (out / RESULT).exists():
        return read_result(out)
    chosen = read_facts(out).automatic_precision  # by the first process, for all
    trainings = [replace(each, recipe=with_precision(each.recipe, chosen)) for each in trainings]
    before: list[EarlierTraining] = []
    for training, folder in zip(trainings[:-1], folders, strict=False):
        ended = _train_earlier(
            training, folder, earlier, console, stop_after, f"{len(before) + 1} of {len(trainings)}", logger, watch
        )
        if ended is None:
            return None
        stop_after = None if stop_after is None else stop_after - training.epochs
        before.append(EarlierTraining(ended.best_epoch, ended.epochs, ended.validation_accuracy, ended.seconds))
        earlier = read_state(folder / MODEL)
    place = f"{len(trainings)} of {len(trainings)}" if before else ""
    ended_now = _train_one(trainings[-1], out, earlier, console, stop_after, place, before, logger, watch)
    return read_result(out) if ended_now and rank == 0 else None


def _train_earlier(
    training: Prepared,
    out: Path,
    earlier: Mapping[str, Tensor] | None,
    console: Console,
    stop_after: int | None,
    place: str,
    logger: str,
    watch: Watch | None,
) -> Result | None:
    """A training that a restart goes on from, into the run folder `out`, unless it has ended there already.

    It does not look at the test images, which are the last one's.
    """
    if world()[0] == 0:
        recipe = replace(training.recipe, text=tomli_w.dumps(training.recipe.tables))
        chosen = read_facts(out.parent).automatic_precision
        start_run(out, recipe, training.dataset.class_names, resume=True, overwrite=False, automatic_precision=chosen)
    wait_for_all()
    if not (out / RESULT).exists():
        untested = replace(training, dataset=replace(training.dataset, test=None))
        if not _train_one(untested, out, earlier, console, stop_after, place, logger=logger, watch=watch):
            return None
    return read_result(out)


def _train_one(
    training: Prepared,
    out: Path,
    earlier: Mapping[str, Tensor] | None,
    console: Console,
    stop_after: int | None,
    place: str,
    before: Sequence[EarlierTraining] = (),
    logger: str = "",
    watch: Watch | None = None,
) -> bool:
    """One training into the run folder `out`, from the weights `earlier` on; whether it ended, False where `stop_after` came first.

    `place`: which of several trainings it is, "" for the only one; `before`: those that it goes on from.
    """
    recipe, teacher = training.recipe, training.teacher
    keep_memory()
    with _threads_for(recipe):
        if recipe.distillation is not None and recipe.distillation.trained_first:
            teacher = _teacher(recipe, recipe.distillation, training.dataset, out, console, stop_after)
            if stop_after is not None:
                stop_after -= recipe.distillation.epochs
        if (teacher is None and recipe.distillation is not None) or (stop_after is not None and stop_after <= 0):
            return False
        outputs = replace(OF_RUN, label=f"training {place}", prefix=f"training {place}: ") if place else OF_RUN
        with told_when_full(recipe):
            fit = NetworkTraining(
                recipe, training.dataset, out, console, teacher, training.pruning, outputs, earlier, logger, watch
            )
            fit.run(stop_after)
        if len(fit.progress.history) < recipe.training.epochs:
            return False
        if world()[0] == 0:
            arguments = recipe, training.dataset, fit.best_net(), fit.progress.history, fit.progress.best_epoch
            finish_run(*arguments, out, console, before)
        wait_for_all()
        return True


def _teacher(
    recipe: Recipe, distillation: Distillation, dataset: Dataset, out: Path, console: Console, stop_after: int | None
) -> Trainable | None:
    """The float teacher at its best epoch, trained into `out` unless it is there already; None where `stop_after` comes first."""
    of_teacher = teacher_recipe(recipe, distillation)
    if not (out / TEACHER).exists():
        with told_when_full(recipe):
            training = NetworkTraining(of_teacher, dataset, out, console, outputs=OF_TEACHER)
            training.run(stop_after)
        if len(training.progress.history) < distillation.epochs:
            return None
        if world()[0] == 0:
            write_history(out / TEACHER_HISTORY, training.progress.history)
            write_model(out, training.progress.best_state, TEACHER)
        wait_for_all()
    return read_weights(build_net(of_teacher, len(dataset.class_names)), out / TEACHER)


@contextmanager
def _threads_for(recipe: Recipe) -> Iterator[None]:
    """One thread for a small network: the layers are too short to share, and threads that wait for one another on a busy machine
    can make it thirty times slower."""
    threads, kernel_threads = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(threads)  # which numba, when it starts its own threads, sets to their number
    if recipe.network is None and layer_macs(recipe) < SMALL_NETWORK_MACS:
        torch.set_num_threads(1)
        numba.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        numba.set_num_threads(kernel_threads)
