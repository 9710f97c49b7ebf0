"""What goes on beside training: a checkpoint after every epoch, and one progress bar over the epochs."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, Checkpoint
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from export.atomic import replacing
from toolchain.learning import Learning
from toolchain.run_folder import CHECKPOINT, HISTORY, write_json


class KeepLast(Checkpoint):  # type: ignore[misc]
    """Writes last.ckpt and history.json after every epoch, each whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Learning) -> None:
        with replacing(self.folder / CHECKPOINT) as temporary:
            trainer.save_checkpoint(temporary)
        write_json(self.folder / HISTORY, pl_module.history)


class EpochBar(Callback):  # type: ignore[misc]
    """A bar with loss, validation accuracy and the share of flipped signs; a line every tenth of the way where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress(
            TextColumn("training"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def on_train_start(self, trainer: pl.Trainer, pl_module: Learning) -> None:
        self.progress.start()
        self.task = self.progress.add_task("training", total=trainer.max_epochs, completed=trainer.current_epoch, figures="")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Learning) -> None:
        last = trainer.current_epoch
        self.progress.update(self.task, completed=last + 1)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: Learning) -> None:
        if pl_module.history:
            self.progress.update(self.task, figures=figures(pl_module))

    def teardown(self, trainer: pl.Trainer, pl_module: Learning, stage: str) -> None:
        self.progress.stop()
