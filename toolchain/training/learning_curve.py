"""The learning curve as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from owlbit.toolchain.drawing.png import png_figure
from owlbit.toolchain.runs.history import EpochRecord

TRAIN, VALIDATION, QUIET = "#8aa4b8", "#c8553d", "#6b7280"


def draw_learning_curve(history: Sequence[EpochRecord], best_epoch: int, path: Path) -> None:
    """Accuracy and flipped signs by epoch, and the borders of stages, as PNG. `best_epoch`: counted from 0."""
    epochs = [record.epoch + 1 for record in history]
    with png_figure(path, 8, 5.2) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot(epochs, [100 * record.accuracy for record in history], color=TRAIN, label="training, varied images")
        upper.plot(epochs, [100 * record.validation_accuracy for record in history], color=VALIDATION, label="validation")
        best = 100 * history[best_epoch].validation_accuracy
        upper.plot(best_epoch + 1, best, "o", color=VALIDATION, label=f"kept: epoch {best_epoch + 1}, {best:.1f} %")
        borders = [after.epoch for before, after in pairwise(history) if after.stage != before.stage]
        for border in borders:
            for axes in (upper, lower):
                axes.axvline(border + 0.5, color=QUIET, linestyle="--", linewidth=1)
        if borders:
            upper.set_title("right of the last line binary weights, left of it real ones", fontsize="small", color=QUIET)
        upper.set_ylabel("accuracy, %")
        upper.legend(loc="lower right", frameon=False)
        lower.plot(epochs, [100 * record.flipped_signs for record in history], color=QUIET)
        lower.set_ylabel("flipped\nsigns, %")
        lower.set_ylim(bottom=0)
        lower.set_xlabel("epoch")
        for axes in (upper, lower):
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
