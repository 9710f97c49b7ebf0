"""Many trainings, several at once, each in a process of its own: what comparisons are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.toolchain.recipes.data import Data
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.runs.child_processes import deaf_to_interrupts, kill_children, share_threads
from owlbit.toolchain.runs.run_folder import Result

if TYPE_CHECKING:  # torch; the parent of the processes has no need of it
    from owlbit.toolchain.data.dataset import Dataset


@dataclass(frozen=True)
class Job:
    """A training: its `name`, which is that of its recipe file and run folder, and the text of its recipe."""

    name: str
    recipe: str


def train_many(jobs: Sequence[Job], data: Path | None, runs: Path, *, at_once: int) -> Iterator[tuple[Job, Result]]:
    """Trains each of `jobs` into its folder of `runs`, going on where an earlier call was stopped, and yields what is finished.

    `data`: a local copy of the images, or None for what the recipes say. The processors' threads are shared evenly among
    `at_once` trainings. Raises OwlbitError, naming the training, at the first that fails.
    """
    share_threads(at_once)
    with ProcessPoolExecutor(at_once, mp_context=get_context("spawn")) as pool:
        with deaf_to_interrupts():
            running = {pool.submit(_train, job, data, runs): job for job in jobs}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        except BrokenProcessPool:
            raise OwlbitError("expected every training to end, one was killed, as when memory runs out; try fewer --jobs") from None
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, KeyboardInterrupt):
                kill_children()
            raise


def _train(job: Job, data: Path | None, runs: Path) -> Result:
    from owlbit.toolchain.training.train import train

    path = runs / f"{job.name}.toml"
    write_text(path, job.recipe)
    try:
        recipe = load_recipe(path, data)
        dataset = _dataset(recipe.data, path.parent)
        result = train(recipe, path.with_suffix(""), resume=True, console=Console(quiet=True), dataset=dataset)
    except OwlbitError as error:
        raise OwlbitError(f"{job.name}: {error}") from None  # of the one kind that crosses from process to process
    assert result is not None
    return result


@lru_cache(maxsize=6)  # reading and scaling CIFAR-10 takes as long as two epochs of a small network
def _dataset(data: Data, base: Path) -> Dataset:
    from owlbit.toolchain.data.load_dataset import load_dataset

    return load_dataset(data, base, extra=True)
