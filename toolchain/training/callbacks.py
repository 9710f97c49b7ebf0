"""What goes on beside training: a checkpoint after every epoch, loggers, and one progress bar over all epochs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from owlbit.export.files import replacing
from owlbit.toolchain.runs.durations import in_words
from owlbit.toolchain.runs.history import EpochRecord, write_history
from owlbit.toolchain.training.batches import Batch
from owlbit.toolchain.training.loggers import log_records
from owlbit.toolchain.training.module import PhaseModule

Watch = Callable[[EpochRecord], None]
SILENCE = 60.0  # seconds, after which a training without a terminal says where it is


class SaveState(Callback):
    """Writes the files `checkpoint` and `history` after every epoch, each whole or not at all."""

    def __init__(self, module: PhaseModule, checkpoint: Path, history: Path) -> None:
        self.module = module
        self.checkpoint = checkpoint
        self.history = history

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            trainer.save_checkpoint(self.checkpoint)  # all processes gather what the first one writes
            return
        with replacing(self.checkpoint) as temporary:
            trainer.save_checkpoint(temporary)
        write_history(self.history, self.module.progress.history)


class LogEpochs(Callback):
    """Gives the record of each epoch to a logger of Lightning; at first those of the epochs before, where a training goes on."""

    def __init__(self, module: PhaseModule, logger: Any) -> None:
        self.module, self.logger = module, logger

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        log_records(self.logger, self.module.progress.history)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        log_records(self.logger, self.module.progress.history[-1:])


class WatchEpochs(Callback):
    """Gives the record of each epoch, after its checkpoint was written, to a function that may end the training by an error."""

    def __init__(self, module: PhaseModule, watch: Watch) -> None:
        self.module, self.watch = module, watch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.watch(self.module.progress.history[-1])


class EpochBar(Callback):
    """A bar with batches, images/s, time left, and the figures of the last epoch; without a terminal, lines.

    A line is printed every tenth of the way and wherever `SILENCE` seconds have passed without one, within an epoch too.
    `label`: what stands before the bar; `prefix`: before each line; `images`: of a step, over all processes; `clock`: seconds.
    """

    def __init__(
        self,
        module: PhaseModule,
        console: Console,
        epochs: int,
        *,
        label: str,
        prefix: str,
        images: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.module, self.console, self.epochs = module, console, epochs
        self.prefix, self.images, self.clock = prefix, images, clock
        self.steps = epochs * module.steps
        self.figures = ""
        self.first = self.done = 0
        self.started = self.epoch_started = self.spoken = clock()
        columns = (
            TextColumn(label),
            BarColumn(30),
            TextColumn("{task.fields[place]}"),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
        )
        self.progress = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.task = self.progress.add_task(label, total=self.steps, figures="", place="")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.first = self.done = self.module.epoch * self.module.steps
        self.started = self.clock()
        self.progress.update(self.task, completed=self.done)
        self.progress.start()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epoch_started = self.clock()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        self.done = self.module.epoch * self.module.steps + batch_idx + 1
        rate = self.images * (batch_idx + 1) / max(self.clock() - self.epoch_started, 1e-9)
        place = f"epoch {self.module.epoch + 1}/{self.epochs}, batch {batch_idx + 1}/{self.module.steps}, {rate:,.0f} images/s"
        self.progress.update(self.task, completed=self.done, place=place)
        self._break_silence(f"epoch {self.module.epoch + 1} of {self.epochs}, batch {batch_idx + 1} of {self.module.steps}", rate)

    def on_validation_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *given: Any, **named: Any) -> None:
        self._break_silence(f"epoch {self.module.epoch + 1} of {self.epochs}, validation")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        record, done = self.module.progress.history[-1], self.module.epoch + 1
        self.figures = (
            f"loss {record.loss:.3f}  validation {record.validation_accuracy:.1%}  flipped signs {record.flipped_signs:.2%}"
        )
        self.progress.update(self.task, completed=done * self.module.steps, figures=self.figures)
        if done * 10 // self.epochs > (done - 1) * 10 // self.epochs or self._silent():
            rate = self.images * self.module.steps / max(record.seconds, 1e-9)
            self._print(f"epoch {done} of {self.epochs}: {self.figures}  {rate:,.0f} images/s{self._left()}")

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.progress.stop()

    def _silent(self) -> bool:
        return self.clock() - self.spoken >= SILENCE

    def _break_silence(self, place: str, rate: float = 0.0) -> None:
        """Prints where the training is, if nothing was printed for long."""
        if self._silent():
            self._print(place + (f": {rate:,.0f} images/s" if rate else "") + self._left())

    def _left(self) -> str:
        """The time that is left, by how long the steps of this session took."""
        steps = self.done - self.first
        if not steps or self.done >= self.steps:
            return ""
        seconds = (self.clock() - self.started) / steps * (self.steps - self.done)
        return f", about {in_words(seconds)} left"

    def _print(self, line: str) -> None:
        self.spoken = self.clock()
        if not self.console.is_terminal:
            self.console.print(f"{self.prefix}{line}", highlight=False, markup=False, soft_wrap=True)
