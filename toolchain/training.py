"""From a recipe to a run folder: training, resuming, choosing the epoch, and the one look at the test images."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import lightning.pytorch as pl
import numba
import torch
from rich.console import Console

from models.encodings import BitPlanes
from models.layer_table import macs, weight_bits
from models.thermometer import LearnedThermometer, quantile_thresholds
from models.trainable import Trainable
from toolchain.datasets import load_dataset
from toolchain.images import Dataset, Labelled
from toolchain.learning import Batches, Learning, Teaching
from toolchain.learning_callbacks import EpochBar, KeepLast
from toolchain.learning_curve import draw_learning_curve
from toolchain.recipe import Recipe
from toolchain.run_folder import (
    CHECKPOINT,
    CURVE,
    HISTORY,
    RESULT,
    TEACHER,
    TEACHER_CHECKPOINT,
    TEACHER_HISTORY,
    RunError,
    read_result,
    start_run,
    write_json,
)
from toolchain.saved_model import build_net, load_run, read_weights, teacher_recipe, write_model

SMALL_NETWORK_MACS = 20_000_000


@dataclass(frozen=True)
class Result:
    """How a training ended, as in result.json. Accuracies are shares 0..1; `test_accuracy` is None without test images.

    `best_epoch`: from 0; `seconds`: in epochs, over all resumptions; `weight_bits`: binary weights of the network.
    """

    best_epoch: int
    epochs: int
    validation_accuracy: float
    test_accuracy: float | None
    test_images: int
    seconds: float
    weight_bits: int
    thresholds: list[list[int]]


def train(
    recipe: Recipe,
    out: Path | str,
    *,
    resume: bool = False,
    overwrite: bool = False,
    console: Console | None = None,
    stop_after: int | None = None,
) -> Result | None:
    """Trains `recipe` into the run folder `out` (see `toolchain.run_folder`) and returns how it ended.

    `resume`: go on after the last finished epoch; the final weights are those of an uninterrupted training. `overwrite`: begin anew
    in a folder that holds a run. `stop_after`: stop after so many epochs in all, a teacher's first, as if killed there, and return
    None.
    Raises OwlbitError (DataError, RunError), and KeyboardInterrupt where the user stops it.
    """
    out = Path(out)
    dataset = load_dataset(recipe.data, recipe.path.parent)
    start_run(out, recipe, dataset.class_names, resume=resume, overwrite=overwrite)
    if (out / RESULT).exists():
        return _read_result(out)
    console = console or Console(stderr=True)
    with _threads_for(recipe):
        teaching = None
        if recipe.distillation is not None:
            teacher = _teacher(recipe, dataset, out, console, stop_after)
            if stop_after is not None and recipe.distillation.trained_first:
                stop_after -= recipe.distillation.epochs
            if teacher is None or (stop_after is not None and stop_after <= 0):
                return None
            teaching = Teaching(teacher, recipe.distillation, dataset, flip=recipe.data.flip)
        learning = _learning(recipe, dataset, teaching)
        _fit(learning, out, console, stop_after)
        return _finish(learning, recipe, dataset, out) if len(learning.history) == recipe.training.epochs else None


def _learning(recipe: Recipe, dataset: Dataset, teaching: Teaching | None = None) -> Learning:
    pl.seed_everything(recipe.training.seed, verbose=False)
    net = build_net(recipe, len(dataset.class_names))
    if isinstance(net.thermometer, LearnedThermometer) and recipe.input.placed == "quantile":
        images = torch.from_numpy(dataset.train.images)
        net.thermometer.start_at(quantile_thresholds(images, recipe.input.thresholds, shared=recipe.input.shared))
    return Learning(net, dataset, recipe.training, learn_thresholds=recipe.input.trained, teaching=teaching)


def _teacher(recipe: Recipe, dataset: Dataset, out: Path, console: Console, stop_after: int | None) -> Trainable | None:
    """The teacher at its best epoch, trained into `out` first unless it is there or comes from another run; None where `stop_after`
    comes first."""
    assert recipe.distillation is not None
    if not recipe.distillation.trained_first:
        return _teacher_of_run(recipe.path.parent / recipe.distillation.teacher, recipe, dataset)
    learning = _learning(teacher_recipe(recipe, recipe.distillation), dataset)
    if not (out / TEACHER).exists():
        _fit(learning, out, console, stop_after, "teacher")
        if len(learning.history) < recipe.distillation.epochs:
            return None
        write_json(out / TEACHER_HISTORY, learning.history)
        write_model(out, learning.best_state, TEACHER)
    return read_weights(learning.net, out / TEACHER)


def _teacher_of_run(folder: Path, recipe: Recipe, dataset: Dataset) -> Trainable:
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
    run.net.fast = recipe.training.fast and not isinstance(run.net.thermometer, BitPlanes)
    return run.net


@contextmanager
def _threads_for(recipe: Recipe) -> Iterator[None]:
    """One thread for a small network: the layers are too short to share, and threads that wait for one another on a busy machine
    can make it thirty times slower."""
    threads, kernel_threads = torch.get_num_threads(), numba.get_num_threads()
    if macs(recipe.thermometer_shape, recipe.layers) < SMALL_NETWORK_MACS:
        torch.set_num_threads(1)
        numba.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        numba.set_num_threads(kernel_threads)


def _fit(learning: Learning, out: Path, console: Console, stop_after: int | None, title: str = "training") -> None:
    epochs = learning.training_recipe.epochs
    checkpoint, history = (CHECKPOINT, HISTORY) if title == "training" else (TEACHER_CHECKPOINT, TEACHER_HISTORY)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Advice on data-loader workers and on log folders, of which there are none here.
        warnings.filterwarnings("ignore", module="lightning")
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=epochs if stop_after is None else min(stop_after, epochs),
            callbacks=[KeepLast(learning, out, checkpoint, history), EpochBar(learning, console, epochs, title)],
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=out,
        )
        try:
            trainer.fit(learning, ckpt_path=_checkpoint(out / checkpoint), weights_only=True)
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from None


def _checkpoint(path: Path) -> Path | None:
    """`path`, the checkpoint to resume from, if there is one; RunError where it cannot be read."""
    if not path.exists():
        return None
    try:
        whole = "owlbit" in torch.load(path, weights_only=True)
    except (OSError, EOFError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError):
        whole = False
    if not whole:
        raise RunError(f"{path}: expected the checkpoint of an earlier epoch, could not read it; overwrite the run to begin anew")
    return path


def _read_result(out: Path) -> Result:
    try:
        return Result(**read_result(out))
    except TypeError:
        raise RunError(f"{out / RESULT}: expected the figures that training writes, got others; overwrite the run") from None


def _finish(learning: Learning, recipe: Recipe, dataset: Dataset, out: Path) -> Result:
    learning.net.load_state_dict(learning.best_state)
    learning.net.fast = False  # the figures are those of the network that is exported
    result = Result(
        best_epoch=learning.best_epoch,
        epochs=recipe.training.epochs,
        validation_accuracy=accuracy(learning.net, dataset.validation),
        test_accuracy=None if dataset.test is None else accuracy(learning.net, dataset.test),
        test_images=0 if dataset.test is None else len(dataset.test),
        seconds=round(sum(entry["seconds"] for entry in learning.history), 1),
        weight_bits=weight_bits(recipe.thermometer_shape, recipe.layers, len(dataset.class_names)),
        thresholds=learning.net.thermometer.integer_thresholds().tolist(),
    )
    write_json(out / HISTORY, learning.history)
    write_model(out, learning.best_state)
    draw_learning_curve(learning.history, learning.best_epoch, out / CURVE)
    write_json(out / RESULT, asdict(result))
    return result


@torch.no_grad()
def accuracy(net: Trainable, labelled: Labelled) -> float:
    """Share of `labelled` that `net` gets right in eval mode, 0..1."""
    net.eval()
    right = sum(int((net(images).argmax(1) == labels).sum()) for images, labels, *_ in Batches(labelled, 256))
    return right / len(labelled)
