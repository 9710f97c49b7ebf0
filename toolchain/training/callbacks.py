"""What goes on beside training: a checkpoint after every epoch, and one progress bar over all epochs."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from owlbit.export.files import replacing
from owlbit.toolchain.runs.run_folder import CHECKPOINT, HISTORY, write_json
from owlbit.toolchain.training.module import Learning


class KeepLast(Callback):
    """Writes `checkpoint` and `history`, files in `folder`, after every epoch, each whole or not at all."""

    def __init__(self, learning: Learning, folder: Path, checkpoint: str = CHECKPOINT, history: str = HISTORY) -> None:
        self.learning = learning
        self.checkpoint = folder / checkpoint
        self.history = folder / history

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            trainer.save_checkpoint(self.checkpoint)  # all processes gather what the first one writes
            return
        with replacing(self.checkpoint) as temporary:
            trainer.save_checkpoint(temporary)
        write_json(self.history, self.learning.progress.history)


class EpochBar(Callback):
    """A bar with loss, validation accuracy and share of flipped signs; without a terminal, a line every tenth of the way."""

    def __init__(self, learning: Learning, console: Console, epochs: int, title: str = "training") -> None:
        self.learning = learning
        self.console = console
        self.epochs = epochs
        self.prefix = "" if title == "training" else title + ": "
        columns = (
            TextColumn(title),
            BarColumn(30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.task = self.progress.add_task("training", total=epochs, figures="")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.progress.update(self.task, completed=self.learning.epoch)
        self.progress.start()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        entry, done = self.learning.progress.history[-1], self.learning.epoch + 1
        figures = (
            f"loss {entry['loss']:.3f}  validation {entry['validation_accuracy']:.1%}  flipped signs {entry['flipped_signs']:.2%}"
        )
        self.progress.update(self.task, completed=done, figures=figures)
        if not self.console.is_terminal and done * 10 // self.epochs > (done - 1) * 10 // self.epochs:
            self.console.print(f"{self.prefix}epoch {done} of {self.epochs}: {figures}", highlight=False)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.progress.stop()
