"""The training of one candidate, in a process of its own, on this machine or another: from its recipe to how it ended."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.recipes.data import Data
from owlbit.toolchain.recipes.recipe import Recipe, recipe_of, with_data
from owlbit.toolchain.search.records import FAILED, FINISHED, PRUNED, Outcome

if TYPE_CHECKING:
    from owlbit.toolchain.data.dataset import Dataset
    from owlbit.toolchain.runs.history import EpochRecord


@dataclass(frozen=True)
class Task:
    """A training to be done.

    `name`: of the trial; `tables`, `text`: of its recipe; `base`: a file in the folder that its paths are relative to; `data`: a
    local copy of the images, or None for what the recipe says; `floor`: accuracies below which it ends, by epoch, None for no such;
    `run`: the run folder to keep, None for one that is removed; `test`: whether it looks at the test images, at its end;
    `logger`: as for `owlbit train`; `gpu_share`: of the GPU's memory that it may take, 0 for no limit.
    """

    name: str
    tables: Mapping[str, Any]
    text: str
    base: Path
    data: Path | None = None
    floor: tuple[float | None, ...] = ()
    run: Path | None = None
    test: bool = False
    logger: str = ""
    gpu_share: float = 0.0

    def recipe(self) -> Recipe:
        """The recipe of the trial."""
        recipe = recipe_of(self.tables, self.base, self.text)
        return recipe if self.data is None else with_data(recipe, self.data)


class _EndedEarlyError(OwlbitError):
    """The trial is pruned."""


def train_task(task: Task, dataset: Dataset | None = None) -> Outcome:
    """Trains `task`; what goes wrong with it is its outcome. `dataset`: its images, where they are at hand."""
    started = time.perf_counter()
    curve: list[float] = []

    def watch(record: EpochRecord) -> None:
        curve.append(record.validation_accuracy)
        least = task.floor[len(curve) - 1] if len(curve) <= len(task.floor) else None
        if least is not None and max(curve) < least:
            raise _EndedEarlyError(f"{max(curve):.1%} after {len(curve)} epochs, where cheaper networks have {least:.1%}")

    kind, note, accuracy, test = FINISHED, "", None, None
    try:
        accuracy, test = _train(task, dataset, watch)
    except _EndedEarlyError as error:
        kind, note = PRUNED, str(error)
    except OwlbitError as error:
        kind, note = FAILED, str(error)
    return Outcome(kind, accuracy, tuple(curve), round(time.perf_counter() - started, 3), note, test)


def _train(task: Task, dataset: Dataset | None, watch: Any) -> tuple[float, float | None]:
    from owlbit.toolchain.training.train import train

    _limit_memory(task.gpu_share)
    recipe = task.recipe()
    images = load(recipe.data, recipe.path.parent) if dataset is None else dataset
    images = images if task.test else replace(images, test=None)
    with ExitStack() as stack:
        folder = task.run or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="owlbit-trial-"))) / "run"
        resume = task.run is not None
        result = train(recipe, folder, resume=resume, dataset=images, console=Console(quiet=True), logger=task.logger, watch=watch)
    assert result is not None  # of the first process of one
    return result.validation_accuracy, result.test_accuracy


def _limit_memory(share: float) -> None:
    """Lets this process take the given share of its GPU's memory."""
    if not share:
        return
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(min(1.0, share))


@lru_cache(maxsize=6)  # reading and scaling CIFAR-10 takes as long as two epochs of a small network
def load(data: Data, base: Path) -> Dataset:
    """The images of a recipe, kept for the next trial."""
    from owlbit.toolchain.data.load_dataset import load_dataset

    return load_dataset(data, base, extra=True)
