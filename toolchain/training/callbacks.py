"""What goes on beside training: a checkpoint after every epoch, and one progress bar over all epochs."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from owlbit.export.files import replacing
from owlbit.toolchain.runs.history import write_history
from owlbit.toolchain.training.module import PhaseModule


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


class EpochBar(Callback):
    """A bar with loss, validation accuracy and share of flipped signs; without a terminal, a line every tenth of the way.

    `label`: what stands before the bar; `prefix`: before each line.
    """

    def __init__(self, module: PhaseModule, console: Console, epochs: int, *, label: str, prefix: str) -> None:
        self.module = module
        self.console = console
        self.epochs = epochs
        self.prefix = prefix
        columns = (
            TextColumn(label),
            BarColumn(30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.task = self.progress.add_task(label, total=epochs, figures="")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.progress.update(self.task, completed=self.module.epoch)
        self.progress.start()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        record, done = self.module.progress.history[-1], self.module.epoch + 1
        figures = f"loss {record.loss:.3f}  validation {record.validation_accuracy:.1%}  flipped signs {record.flipped_signs:.2%}"
        self.progress.update(self.task, completed=done, figures=figures)
        if not self.console.is_terminal and done * 10 // self.epochs > (done - 1) * 10 // self.epochs:
            self.console.print(f"{self.prefix}epoch {done} of {self.epochs}: {figures}", highlight=False)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.progress.stop()
