"""A recipe and some minutes become a finished run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.console import Console
from torch import Tensor

from owlbit.export.errors import OwlbitError
from owlbit.export.settings import SettingError
from owlbit.models.layers.thermometer import LearnedThermometer, quantile_thresholds
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.device_form import DeviceForm
from owlbit.models.networks.trainable import Trainable
from owlbit.toolchain.data.dataset import Dataset
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.build_net import build_net
from owlbit.toolchain.runs.history import EpochRecord
from owlbit.toolchain.runs.run_folder import PROCESSOR
from owlbit.toolchain.training.distributed import accelerator
from owlbit.toolchain.training.timed.batches import ResidentImages
from owlbit.toolchain.training.timed.clock import Clock, rate_factor
from owlbit.toolchain.training.timed.records import Records
from owlbit.toolchain.training.timed.step import Logits, TrainingStep
from owlbit.toolchain.training.timed.views import Views, fill_table, views_of

TELL_EVERY = 20.0  # seconds between two lines of progress
CATCH_UP = 50  # steps that the host may run ahead of the device: the clock is read on the host
RATE_EVERY = 10  # steps between two settings of the rate


@dataclass(frozen=True)
class TimedTraining:
    """The result of a training for a fixed time: `steps` of `batch` images, which are `epochs`; `images_per_second`: between
    the first and the last step; `seconds`: including preparation; `device`: its name; `history`: a record for each line of
    progress, the last one for the finished network."""

    steps: int
    batch: int
    epochs: float
    images_per_second: float
    seconds: float
    device: str
    history: tuple[EpochRecord, ...]


def check_timed(recipe: Recipe) -> None:
    """Raises SettingError for stages, ReCU, pruning, restarts, attention and a float teacher, which need a training by epochs."""
    refused = [
        ("training.stages", recipe.training.stages != 1, str(recipe.training.stages)),
        ("training.weights", recipe.training.recu, '"recu"'),
        ("pruning", recipe.pruning is not None, "a table [pruning]"),
        ("restarts", bool(recipe.before), f"{len(recipe.before)}"),
        ("distillation.teacher", recipe.distillation is not None and recipe.distillation.trained_first, '"float"'),
        ("distillation.attention", recipe.distillation is not None and recipe.distillation.attention > 0, "attention matching"),
    ]
    wanted = {
        "training.stages": "1 with --minutes",
        "training.weights": '"clipped" with --minutes',
        "pruning": "no such table with --minutes",
        "restarts": "no such tables with --minutes",
        "distillation.teacher": "the folder of a finished run with --minutes",
        "distillation.attention": "0 with --minutes",
    }
    for key, there, got in refused:
        if there:
            raise SettingError(recipe.path, key, wanted[key], got)


def train_timed(
    recipe: Recipe,
    dataset: Dataset,
    seconds: float,
    console: Console,
    teacher: Trainable | None = None,
    *,
    compiled: bool = True,
    keep: Callable[[Trainable], None] | None = None,
) -> tuple[Trainable, TimedTraining]:
    """Trains the network of `recipe` for `seconds`, everything included, on the GPU or else on the processor.

    `teacher`: where the recipe distils; `compiled`: whether the network goes through `torch.compile`, which takes about a minute;
    `keep` is given the network at each line of progress. Raises OwlbitError where the device's memory is too small, naming what
    fits.
    """
    clock, device = Clock(seconds), torch.device(accelerator())
    _choose_fast_products(device)
    torch.manual_seed(recipe.training.seed)
    net = _first_net(recipe, dataset).to(device).train()
    logits, taught_by = _form(net, recipe, compiled), None
    if teacher is not None:
        teacher = teacher.to(device).eval().requires_grad_(False)
        taught_by = _form(teacher, recipe, compiled)
    images = ResidentImages(dataset, device, _table(recipe, dataset, device, taught_by, console))
    step = TrainingStep(
        net, logits, recipe.training, recipe.distillation, taught_by, learn_thresholds=recipe.input.trained, graph=compiled
    )
    batch = recipe.training.batch
    if batch > dataset.images_per_epoch:
        wanted = f"at most the {dataset.images_per_epoch} training images of an epoch"
        raise SettingError(recipe.path, "training.batch", wanted, str(batch))
    feed = images.batches(batch, recipe.training.seed)
    try:
        step.prepare(next(feed))
    except torch.cuda.OutOfMemoryError:
        raise OwlbitError(_too_large(recipe, device, _fitting_batch(step, images, recipe))) from None
    ready, left = clock.elapsed, seconds - clock.elapsed
    if left < 0.2 * seconds:
        raise OwlbitError(f"expected time to train after the {ready:.0f} s of preparation, got {left:.0f} s; give it more minutes")
    console.print(f"ready after {ready:.0f} s; {left:.0f} s to train on {_name(device)}", highlight=False)
    running, steps, told, loss = Clock(left), 0, 0.0, torch.zeros(())
    records = Records(net, dataset, device)
    while (done := running.done) < 1:
        if steps % RATE_EVERY == 0:
            step.set_rate(recipe.training.rate * rate_factor(done, recipe.training.optimiser))
        loss = step(next(feed))
        steps += 1
        if steps % CATCH_UP == 0 or device.type == "cpu":
            _wait(device)
        if running.elapsed - told > TELL_EVERY and records.may_follow(steps * batch):
            told = running.elapsed
            record = records.add(steps * batch, float(loss), running.elapsed)
            rate = steps * batch / running.elapsed
            seen = f"{steps * batch / dataset.images_per_epoch:,.1f} epochs, {rate:,.0f} images/s"
            accuracy = f"validation {record.validation_accuracy:.2%}"
            console.print(f"  {done:4.0%}  {seen}, loss {record.loss:.3f}, {accuracy}", highlight=False)
            if keep is not None:
                keep(net)
    _wait(device)
    seconds = running.elapsed
    if not bool(loss.isfinite()):
        raise OwlbitError(f"{recipe.path}: expected a finite loss, got {float(loss)} after {steps:,} steps; lower training.rate")
    records.add(steps * batch, float(loss), seconds)
    epochs = steps * batch / dataset.images_per_epoch
    history = tuple(records.history)
    told_of = TimedTraining(steps, batch, epochs, steps * batch / seconds, clock.elapsed, _name(device), history)
    return net.cpu().eval(), told_of


def _first_net(recipe: Recipe, dataset: Dataset) -> Trainable:
    net = build_net(recipe, len(dataset.class_names))
    if isinstance(net.thermometer, LearnedThermometer) and recipe.input.placed == "quantile":
        clean = torch.from_numpy(dataset.train.images)
        net.thermometer.start_at(quantile_thresholds(clean, recipe.input.thresholds, shared=recipe.input.shared))
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _form(net: Trainable, recipe: Recipe, compiled: bool) -> Logits:
    """What computes the logits of `net`: its form for a device, or it in mixed precision where it has none."""
    module: torch.nn.Module = DeviceForm(net) if isinstance(net, BinaryNet) and not recipe.training.real else _Mixed(net)
    form: Logits = torch.compile(module, dynamic=False) if compiled else module
    return form


class _Mixed(torch.nn.Module):
    """The logits of a network without a form of its own, in bfloat16 where that is safe."""

    def __init__(self, net: Trainable) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16):
            return self.net.logits(images).float()


def _table(
    recipe: Recipe, dataset: Dataset, device: torch.device, teacher: Logits | None, console: Console
) -> tuple[Views, Tensor] | None:
    views = views_of(dataset.variations)
    if teacher is None or recipe.distillation is None or not recipe.distillation.cache_logits or views is None:
        return None
    began, told = time.monotonic(), [0.0]

    def progress(share: float) -> None:
        if time.monotonic() - began - told[0] > TELL_EVERY:
            told[0] = time.monotonic() - began
            console.print(f"  teacher's logits: {share:.0%}", highlight=False)

    table = fill_table(views, torch.from_numpy(dataset.train.images).to(device), teacher, progress)
    console.print(f"teacher's logits of {len(views)} views: {time.monotonic() - began:.0f} s", highlight=False)
    return views, table


def _fitting_batch(step: TrainingStep, images: ResidentImages, recipe: Recipe) -> int:
    """The largest of batch / 2, batch / 4, ... that the device's memory holds; 0 where not even 2 fit."""
    size = recipe.training.batch // 2
    while size >= 2:
        torch.cuda.empty_cache()
        try:
            step.try_step(next(images.batches(size, 0)))
        except torch.cuda.OutOfMemoryError:
            size //= 2
            continue
        return size
    return 0


def _too_large(recipe: Recipe, device: torch.device, fits: int) -> str:
    hint = f"{fits} fits" if fits else "not even 2 fit; take a smaller network or image"
    return (
        f"{recipe.path}: training.batch: expected one that fits the memory of {_name(device)}, got {recipe.training.batch}; {hint}"
    )


def _choose_fast_products(device: torch.device) -> None:
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else PROCESSOR
