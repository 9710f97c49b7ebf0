"""Where trials are trained: in processes of this machine, or on the machines of a Ray cluster (`ray_pool`)."""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from types import TracebackType
from typing import Protocol, Self

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.runs.child_processes import deaf_to_interrupts, end_with_parent, kill_children, share_threads
from owlbit.toolchain.search.records import FAILED, Outcome
from owlbit.toolchain.search.train_trial import Task, train_task

MOST_TRIES = 3  # of a trial whose process was killed
KILLED = f"its process was killed {MOST_TRIES} times, as when memory runs out"


class Pool(Protocol):
    """Trains tasks, several at once."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends what still runs, at once where an error came."""

    def free(self) -> bool:
        """Whether one more task would begin now."""

    def begin(self, task: Task) -> None:
        """Begins a task."""

    def ended(self) -> list[tuple[Task, Outcome]]:
        """Waits until a task has ended, and returns those that have. Empty only where none is there to wait for."""


@dataclass
class _Slot:
    """One process. A process of its own for each slot: where one is killed, the others go on."""

    place: int
    executor: ProcessPoolExecutor | None = None
    task: Task | None = None
    future: Future[Outcome] | None = None
    tries: int = 0


class LocalPool:
    """`jobs` processes of this machine. `gpu_share`: of a GPU that each takes, 0 where that is not limited.

    With a share, processes are given GPU after GPU, as many to each as fit.
    """

    def __init__(self, jobs: int, gpu_share: float = 0.0) -> None:
        self.slots = [_Slot(place) for place in range(jobs)]
        self.gpu_share = gpu_share

    def __enter__(self) -> Self:
        if self.gpu_share:
            _check_gpus(len(self.slots), self.gpu_share)
        share_threads(len(self.slots))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            kill_children()  # the study trains their trials again
        for slot in self.slots:
            if slot.executor is not None:
                slot.executor.shutdown(wait=error is None, cancel_futures=True)

    def free(self) -> bool:
        return any(slot.task is None for slot in self.slots)

    def begin(self, task: Task) -> None:
        slot = next(slot for slot in self.slots if slot.task is None)
        slot.task, slot.tries = task, 0
        self._submit(slot, task)

    def ended(self) -> list[tuple[Task, Outcome]]:
        while waiting := {slot.future: slot for slot in self.slots if slot.future is not None}:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            found = [ended for future in done if (ended := self._take(waiting[future], future)) is not None]
            if found:
                return found
        return []

    def _take(self, slot: _Slot, future: Future[Outcome]) -> tuple[Task, Outcome] | None:
        """What a slot has ended with; None where its process was killed and the task begins again."""
        task = slot.task
        assert task is not None
        try:
            outcome = future.result()
        except BrokenProcessPool:
            slot.executor, slot.tries = None, slot.tries + 1
            if slot.tries < MOST_TRIES:
                self._submit(slot, task)
                return None
            outcome = Outcome(FAILED, note=KILLED)
        slot.task = slot.future = None
        return task, outcome

    def _submit(self, slot: _Slot, task: Task) -> None:
        if slot.executor is None:
            slot.executor = ProcessPoolExecutor(
                1, mp_context=get_context("spawn"), initializer=_begin_process, initargs=(slot.place, self.gpu_share)
            )
        with deaf_to_interrupts():
            slot.future = slot.executor.submit(train_task, task)


def _check_gpus(jobs: int, share: float) -> None:
    """OwlbitError where this machine has no GPUs for so many trials."""
    import torch

    gpus = torch.cuda.device_count()
    if jobs > gpus * _trials_per_gpu(share):
        wanted = f"GPUs for {jobs} trials at once with a share of {share:g} each"
        raise OwlbitError(
            f"--gpu: expected {wanted}, found {gpus or 'no'} GPU{'s' if gpus > 1 else ''}; give fewer --jobs or leave it out"
        )


def _trials_per_gpu(share: float) -> int:
    return max(1, int(1 / share + 1e-9))


def _begin_process(place: int, share: float) -> None:
    """In a new process, before torch is there: leaves it the one GPU that the slot `place` is given."""
    end_with_parent()
    if share:
        given = os.environ.get("CUDA_VISIBLE_DEVICES")
        gpu = place // _trials_per_gpu(share)
        os.environ["CUDA_VISIBLE_DEVICES"] = given.split(",")[gpu] if given and gpu < len(given.split(",")) else str(gpu)
