"""From a recipe to a run folder: the teacher, the network, and its accuracy on the test images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numba
import torch
from rich.console import Console
from torch import Tensor

from owlbit.export.settings import SettingError
from owlbit.models.networks.trainable import Trainable
from owlbit.toolchain.data.dataset import Dataset
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.recipes.training import Distillation
from owlbit.toolchain.runs.build_net import build_net, teacher_recipe
from owlbit.toolchain.runs.history import write_history
from owlbit.toolchain.runs.run_folder import (
    CHECKPOINT,
    RESULT,
    TEACHER,
    TEACHER_HISTORY,
    Result,
    RunError,
    read_result,
    start_run,
)
from owlbit.toolchain.runs.run_lock import run_locks
from owlbit.toolchain.runs.weights import load_run, read_weights, write_model
from owlbit.toolchain.training.distillation import check_attention
from owlbit.toolchain.training.distributed import join_processes, wait_for_all, world
from owlbit.toolchain.training.finish import finish_run, layer_macs
from owlbit.toolchain.training.fit import OF_TEACHER, NetworkTraining
from owlbit.toolchain.training.pruning_schedule import pruning_schedule

SMALL_NETWORK_MACS = 20_000_000


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
) -> Result | None:
    """Trains `recipe` into the run folder `out` (see `owlbit.toolchain.runs.run_folder`) and returns how it ended.

    `resume`: go on after the last finished epoch; the final weights are those of an uninterrupted training. `overwrite`: begin anew
    in a folder that holds a run. `stop_after`: stop after so many epochs in all, a teacher's first, as if killed there, and return
    None. `dataset`: the recipe's images, where they are at hand.
    Raises OwlbitError (DataError, RunError), and KeyboardInterrupt where the user stops it.
    """
    out = Path(out)
    rank, processes = world()
    if recipe.training.batch % processes:
        wanted = f"a multiple of the {processes} processes"
        raise SettingError(recipe.path, "training.batch", wanted, str(recipe.training.batch))
    # What may be refused comes before anything is written.
    if resume and overwrite:
        raise RunError(f"{out}: expected to resume the run or to overwrite it, got both; choose one")
    check_apart(recipe, out)
    dataset = load_dataset(recipe.data, recipe.path.parent) if dataset is None else dataset
    if processes > 1 and recipe.training.batch > len(dataset.train):
        wanted = f"at most the {len(dataset.train)} training images, where processes share a batch evenly"
        raise SettingError(recipe.path, "training.batch", wanted, str(recipe.training.batch))
    pruning = pruning_schedule(recipe, len(dataset.class_names))
    teacher = teacher_of_run(recipe, dataset)
    _check_attention(recipe, teacher, len(dataset.class_names))
    earlier = None if resume and (out / CHECKPOINT).exists() else _earlier_weights(recipe, dataset)
    join_processes()
    if rank == 0:
        start_run(out, recipe, dataset.class_names, resume=resume, overwrite=overwrite)
    wait_for_all()
    if (out / RESULT).exists():
        return read_result(out)
    console = console or Console(stderr=True, quiet=rank > 0)
    with _threads_for(recipe):
        if recipe.distillation is not None and recipe.distillation.trained_first:
            teacher = _teacher(recipe, recipe.distillation, dataset, out, console, stop_after)
            if stop_after is not None:
                stop_after -= recipe.distillation.epochs
            if teacher is None or (stop_after is not None and stop_after <= 0):
                return None
        training = NetworkTraining(recipe, dataset, out, console, teacher, pruning, earlier=earlier)
        training.run(stop_after)
        if len(training.progress.history) < recipe.training.epochs:
            return None
        result = _finish(training) if rank == 0 else None
        wait_for_all()
        return result


def check_apart(recipe: Recipe, out: Path) -> None:
    """Raises SettingError where the run is to learn from the folder that it is written to."""
    teacher = "" if recipe.distillation is None or recipe.distillation.trained_first else recipe.distillation.teacher
    for key, given in (("training.from_run", recipe.training.from_run), ("distillation.teacher", teacher)):
        if given and (recipe.path.parent / given).resolve() == out.resolve():
            raise SettingError(recipe.path, key, "another run than the one to be trained", f'"{given}"')


def _check_attention(recipe: Recipe, teacher: Trainable | None, classes: int) -> None:
    """Raises RunError where attention is matched and the maps of `teacher`, or of the float teacher to come, do not fit."""
    distillation = recipe.distillation
    if distillation is None or not distillation.attention:
        return
    if teacher is None:
        teacher = build_net(teacher_recipe(recipe, distillation), classes)
    check_attention(build_net(recipe, classes), teacher)


def _teacher(
    recipe: Recipe, distillation: Distillation, dataset: Dataset, out: Path, console: Console, stop_after: int | None
) -> Trainable | None:
    """The float teacher at its best epoch, trained into `out` unless it is there already; None where `stop_after` comes first."""
    of_teacher = teacher_recipe(recipe, distillation)
    if not (out / TEACHER).exists():
        training = NetworkTraining(of_teacher, dataset, out, console, outputs=OF_TEACHER)
        training.run(stop_after)
        if len(training.progress.history) < distillation.epochs:
            return None
        if world()[0] == 0:
            write_history(out / TEACHER_HISTORY, training.progress.history)
            write_model(out, training.progress.best_state, TEACHER)
        wait_for_all()
    teacher = read_weights(build_net(of_teacher, len(dataset.class_names)), out / TEACHER)
    teacher.fast = recipe.training.fast
    return teacher


def teacher_of_run(recipe: Recipe, dataset: Dataset) -> Trainable | None:
    """The teacher, where another run trained it. Raises OwlbitError where it cannot teach this recipe."""
    if recipe.distillation is None or recipe.distillation.trained_first:
        return None
    folder = recipe.path.parent / recipe.distillation.teacher
    run = load_run(folder)
    if run.class_names != dataset.class_names:
        raise RunError(
            f"{folder}: expected a teacher of the classes {', '.join(dataset.class_names)}, got {', '.join(run.class_names)}; "
            "choose another teacher, or give it these classes"
        )
    if run.net.input_shape != recipe.input_shape:
        raise RunError(
            f"{folder}: expected a teacher of images {list(recipe.input_shape)}, got one of {list(run.net.input_shape)}; "
            "choose another teacher, or train it on images of this size"
        )
    run.net.fast = recipe.training.fast
    return run.net


def _earlier_weights(recipe: Recipe, dataset: Dataset) -> dict[str, Tensor] | None:
    """The weights of the run that this one begins with, if it does. Raises OwlbitError where they are another network's."""
    if not recipe.training.from_run:
        return None
    folder = recipe.path.parent / recipe.training.from_run
    run = load_run(folder)
    if run.class_names != dataset.class_names:
        raise RunError(
            f"{folder}: expected a run of the classes {', '.join(dataset.class_names)}, got {', '.join(run.class_names)}; "
            "begin with another run, or give it these classes"
        )
    if run.recipe.input.encoding != recipe.input.encoding:
        raise RunError(
            f'{folder}: expected a run with encoding = "{recipe.input.encoding}", got "{run.recipe.input.encoding}"; '
            "begin with another run, or take its encoding"
        )
    if (run.recipe.layers, run.recipe.network) != (recipe.layers, recipe.network):
        raise RunError(f"{folder}: expected a run of the same layers, got others; begin with another run, or take its layers")
    found, wanted = run.net.state_dict(), build_net(recipe, len(dataset.class_names)).state_dict()
    for name in sorted({*found, *wanted}):
        shapes = [list(state[name].shape) if name in state else "none" for state in (wanted, found)]
        if shapes[0] != shapes[1]:
            raise RunError(
                f"{folder}: expected the weights of this network, {name} {shapes[0]}, got {shapes[1]}; "
                "begin with a run of the same input and classes, whose layers are still whole"
            )
    return found


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


def _finish(training: NetworkTraining) -> Result:
    progress = training.progress
    arguments = training.recipe, training.dataset, training.best_net(), progress.history, progress.best_epoch
    return finish_run(*arguments, training.out, training.console)
