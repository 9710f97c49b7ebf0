"""From a recipe to a run folder: training leg by leg, resuming, choosing the epoch, and the one look at the test images."""

from __future__ import annotations

import itertools
import logging
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numba
import torch
from rich.console import Console
from torch import Tensor

from models.layer_table import macs
from models.network import BinaryNet
from models.thermometer import LearnedThermometer, quantile_thresholds
from models.trainable import Trainable
from toolchain.batches import Batches, epoch_batches
from toolchain.datasets import load_dataset
from toolchain.images import Dataset, Labelled
from toolchain.learning import Learning, Progress
from toolchain.learning_callbacks import EpochBar, KeepLast
from toolchain.learning_curve import draw_learning_curve
from toolchain.legs import Leg, plan_legs
from toolchain.pruning import PruningSchedule, pruning_schedule
from toolchain.recipe import Recipe
from toolchain.run_folder import (
    CHECKPOINT,
    CURVE,
    HISTORY,
    RESULT,
    STAGE,
    TEACHER,
    TEACHER_CHECKPOINT,
    TEACHER_HISTORY,
    RunError,
    read_result,
    start_run,
    write_json,
)
from toolchain.saved_model import build_net, load_run, read_weights, teacher_recipe, write_model
from toolchain.teaching import Teaching, look_once

SMALL_NETWORK_MACS = 20_000_000
WEIGHING_BATCHES = 16  # that the importance of filters is measured on


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
        teacher = None
        if recipe.distillation is not None:
            teacher = _teacher(recipe, dataset, out, console, stop_after)
            if stop_after is not None and recipe.distillation.trained_first:
                stop_after -= recipe.distillation.epochs
            if teacher is None or (stop_after is not None and stop_after <= 0):
                return None
        course = _Course(recipe, dataset, out, console, teacher)
        course.run(stop_after)
        return course.finish() if len(course.progress.history) == recipe.training.epochs else None


class _Course:
    """The legs of one network's training in the run folder `out`; `title`: "training" or "teacher"."""

    def __init__(
        self, recipe: Recipe, dataset: Dataset, out: Path, console: Console, teacher: Trainable | None, title: str = "training"
    ) -> None:
        self.recipe, self.dataset, self.out, self.console, self.title = recipe, dataset, out, console, title
        own = title == "training"
        self.checkpoint, self.history = (CHECKPOINT, HISTORY) if own else (TEACHER_CHECKPOINT, TEACHER_HISTORY)
        self.progress = Progress()
        self.pruning: PruningSchedule | None = pruning_schedule(recipe, len(dataset.class_names))
        self.legs = plan_legs(recipe, () if self.pruning is None else self.pruning.borders)
        first_of_last = next(leg.start for leg in self.legs if leg.last)
        self.final_epoch = max(first_of_last, 0 if self.pruning is None else self.pruning.final_epoch)
        self.net = self._first_net()
        self.teaching: Teaching | None = None
        if teacher is not None and recipe.distillation is not None:
            soft = look_once(teacher, dataset.train, recipe.data.flip) if recipe.distillation.once else None
            self.teaching = Teaching(teacher, recipe.distillation, soft)
            self.teaching.check(self.net)

    def _first_net(self) -> Trainable:
        pl.seed_everything(self.recipe.training.seed, verbose=False)
        net = build_net(self.recipe, len(self.dataset.class_names))
        if isinstance(net.thermometer, LearnedThermometer) and self.recipe.input.placed == "quantile":
            images = torch.from_numpy(self.dataset.train.images)
            net.thermometer.start_at(quantile_thresholds(images, self.recipe.input.thresholds, shared=self.recipe.input.shared))
        if self.pruning is None:
            return net
        assert isinstance(net, BinaryNet)  # what [pruning] goes with
        return self.pruning.prepare(net)

    def run(self, stop_after: int | None) -> None:
        """Goes on from the checkpoint, if there is one, to the end or to `stop_after` epochs."""
        saved = _read_checkpoint(self.out / self.checkpoint)
        done = 0
        if saved is not None:
            done = len(saved["owlbit"]["history"])
            vars(self.progress).update(saved["owlbit"])
            self._shape_like({name.removeprefix("net."): tensor for name, tensor in saved["state_dict"].items()})
        for leg in self.legs:
            if done >= leg.stop or (stop_after is not None and stop_after <= leg.start):
                continue
            fresh = done <= leg.start
            if fresh:
                self._begin(leg)
            self._fit(self._learning(leg), stop_after, resume=not fresh)
            if len(self.progress.history) < leg.stop:
                return

    def _shape_like(self, state: Mapping[str, Tensor]) -> None:
        if self.pruning is not None:
            assert isinstance(self.net, BinaryNet)
            self.net = self.pruning.restore(build_net_like(self.net, self.recipe, self.dataset), state)
        else:
            self.net.load_state_dict(state)

    def _begin(self, leg: Leg) -> None:
        if self.pruning is not None:
            assert isinstance(self.net, BinaryNet)
            batches = itertools.islice(epoch_batches(self.dataset, self.recipe.training, leg.start), WEIGHING_BATCHES)
            self.net = self.pruning.on_epoch_start(self.net, leg.start, (batch[:2] for batch in batches))
        if leg.start == leg.stage_start and leg.stage > 1:
            if self.recipe.distillation is not None and self.recipe.distillation.progressive:
                write_model(self.out, self.net.state_dict(), STAGE.format(leg.stage - 1))
            if not leg.real:
                self.net.clip_latents()

    def _teaching_of(self, leg: Leg) -> Teaching | None:
        """Of a progressive chain the network at the end of the stage before; else the teacher."""
        if self.teaching is None or leg.stage == 1 or not self.teaching.recipe.progressive:
            return self.teaching
        before = next(each for each in self.legs if each.stage == leg.stage - 1)
        teacher = build_net(self.recipe, len(self.dataset.class_names))
        read_weights(teacher, self.out / STAGE.format(leg.stage - 1))
        teacher.use_real_weights(before.real)
        teacher.set_activation(before.activation)
        teacher.fast = self.recipe.training.fast
        recipe = self.teaching.recipe if leg.attention else replace(self.teaching.recipe, attention=0.0)
        return Teaching(teacher, recipe)

    def _learning(self, leg: Leg) -> Learning:
        return Learning(
            self.net,
            self.dataset,
            self.recipe.training,
            leg,
            self.progress,
            learn_thresholds=self.recipe.input.trained,
            teaching=self._teaching_of(leg),
            pruning=self.pruning,
            final_epoch=self.final_epoch,
        )

    def _fit(self, learning: Learning, stop_after: int | None, *, resume: bool) -> None:
        leg = learning.leg
        stop = leg.stop if stop_after is None else min(stop_after, leg.stop)
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            # Advice on data-loader workers and on log folders, of which there are none here.
            warnings.filterwarnings("ignore", module="lightning")
            trainer = pl.Trainer(
                accelerator="cpu",
                max_epochs=stop - leg.start,
                callbacks=[
                    KeepLast(learning, self.out, self.checkpoint, self.history),
                    EpochBar(learning, self.console, self.recipe.training.epochs, self.title),
                ],
                reload_dataloaders_every_n_epochs=1,
                num_sanity_val_steps=0,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                default_root_dir=self.out,
            )
            try:
                trainer.fit(learning, ckpt_path=self.out / self.checkpoint if resume else None, weights_only=True)
            except SystemExit:  # what Lightning makes of Ctrl-C
                raise KeyboardInterrupt from None

    def finish(self) -> Result:
        """Chooses the epoch, looks at the test images, and writes what a finished run has."""
        progress, out, dataset = self.progress, self.out, self.dataset
        self.net.load_state_dict(progress.best_state)
        self.net.fast = False  # the figures are those of the network that is exported
        result = Result(
            best_epoch=progress.best_epoch,
            epochs=self.recipe.training.epochs,
            validation_accuracy=accuracy(self.net, dataset.validation),
            test_accuracy=None if dataset.test is None else accuracy(self.net, dataset.test),
            test_images=0 if dataset.test is None else len(dataset.test),
            seconds=round(sum(entry["seconds"] for entry in progress.history), 1),
            weight_bits=sum(weight.numel() for weight in self.net.binary_weights()),
            thresholds=self.net.thermometer.integer_thresholds().tolist(),
        )
        write_json(out / HISTORY, progress.history)
        write_model(out, progress.best_state)
        draw_learning_curve(progress.history, progress.best_epoch, out / CURVE)
        write_json(out / RESULT, asdict(result))
        return result


def build_net_like(net: BinaryNet, recipe: Recipe, dataset: Dataset) -> BinaryNet:
    """A network of the recipe's own layers, whatever `net` has become in training."""
    fresh = build_net(recipe, len(dataset.class_names))
    assert isinstance(fresh, BinaryNet)
    return fresh.train(net.training)


def _teacher(recipe: Recipe, dataset: Dataset, out: Path, console: Console, stop_after: int | None) -> Trainable | None:
    """The teacher at its best epoch, trained into `out` first unless it is there or comes from another run; None where `stop_after`
    comes first."""
    assert recipe.distillation is not None
    if not recipe.distillation.trained_first:
        return _teacher_of_run(recipe.path.parent / recipe.distillation.teacher, recipe, dataset)
    of_teacher = teacher_recipe(recipe, recipe.distillation)
    if not (out / TEACHER).exists():
        course = _Course(of_teacher, dataset, out, console, None, "teacher")
        course.run(stop_after)
        if len(course.progress.history) < recipe.distillation.epochs:
            return None
        write_json(out / TEACHER_HISTORY, course.progress.history)
        write_model(out, course.progress.best_state, TEACHER)
    teacher = read_weights(build_net(of_teacher, len(dataset.class_names)), out / TEACHER)
    teacher.fast = recipe.training.fast
    return teacher


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
    run.net.fast = recipe.training.fast
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


def _read_checkpoint(path: Path) -> dict[str, Any] | None:
    """The checkpoint to resume from, if there is one; RunError where it cannot be read."""
    if not path.exists():
        return None
    try:
        saved: dict[str, Any] = torch.load(path, weights_only=True)
        len(saved["owlbit"]["history"])
    except (OSError, EOFError, RuntimeError, TypeError, ValueError, KeyError, pickle.UnpicklingError):
        raise RunError(
            f"{path}: expected the checkpoint of an earlier epoch, could not read it; overwrite the run to begin anew"
        ) from None
    return saved


def _read_result(out: Path) -> Result:
    try:
        return Result(**read_result(out))
    except TypeError:
        raise RunError(f"{out / RESULT}: expected the figures that training writes, got others; overwrite the run") from None


@torch.no_grad()
def accuracy(net: Trainable, labelled: Labelled) -> float:
    """Share of `labelled` that `net` gets right in eval mode, 0..1."""
    net.eval()
    right = sum(int((net(images).argmax(1) == labels).sum()) for images, labels, *_ in Batches(labelled, 256))
    return right / len(labelled)
