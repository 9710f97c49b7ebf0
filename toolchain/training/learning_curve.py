"""The learning curve of a training: one drawing, for the picture in the run folder and for the report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from owlbit.toolchain.drawing.png import png_figure
from owlbit.toolchain.runs.history import EpochRecord

TRAIN, VALIDATION, QUIET = "#8aa4b8", "#c8553d", "#6b7280"


def draw_learning_curve(history: Sequence[EpochRecord], best_epoch: int, path: Path) -> None:
    """Writes the curve of `plot_learning_curve` as PNG to `path`."""
    with png_figure(path, 8, 5.2) as figure:
        plot_learning_curve(figure, history, best_epoch, (TRAIN, VALIDATION, QUIET))


def plot_learning_curve(figure: Figure, history: Sequence[EpochRecord], best_epoch: int, inks: tuple[str, str, str]) -> None:
    """Accuracy and flipped signs by epoch, and the borders of stages, on an empty `figure`.

    `best_epoch`: counted from 0; `inks`: of training, of validation, and of the rest.
    """
    train, validation, quiet = inks
    epochs = [record.epoch + 1 for record in history]
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot(epochs, [100 * record.accuracy for record in history], color=train, label="training, varied images")
    upper.plot(epochs, [100 * record.validation_accuracy for record in history], color=validation, label="validation")
    best = next(100 * record.validation_accuracy for record in history if record.epoch == best_epoch)
    upper.plot(best_epoch + 1, best, "o", color=validation, label=f"kept: epoch {best_epoch + 1}, {best:.1f} %")
    borders = [after.epoch for before, after in pairwise(history) if after.stage != before.stage]
    for border in borders:
        for axes in (upper, lower):
            axes.axvline(border + 0.5, color=quiet, linestyle="--", linewidth=1)
    if borders:
        upper.set_title("right of the last line binary weights, left of it real ones", fontsize="small", color=quiet)
    upper.set_ylabel("accuracy, %")
    upper.legend(loc="lower right", frameon=False)
    lower.plot(epochs, [100 * record.flipped_signs for record in history], color=quiet)
    lower.set_ylabel("flipped\nsigns, %")
    lower.set_ylim(bottom=0)
    lower.set_xlabel("epoch")
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (upper, lower):
        axes.grid(color=quiet, alpha=0.15)
        axes.spines[["top", "right"]].set_visible(False)
