"""Trials on the machines of a Ray cluster: Ray places them, and trains a trial again whose worker or machine is lost.

The study stays with the process that began the search; a worker needs owlbit, Python and Ray in the same versions, and nothing of
this machine's files: recipe and images go to it through Ray, and the files of a final run come back.
"""

from __future__ import annotations

import logging
import re
import socket
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from owlbit.export.errors import OwlbitError
from owlbit.export.files import filling
from owlbit.toolchain.runs.run_folder import RUN
from owlbit.toolchain.search.pools import KILLED, MOST_TRIES
from owlbit.toolchain.search.records import FAILED, Outcome
from owlbit.toolchain.search.train_trial import Task, load, train_task

if TYPE_CHECKING:
    from owlbit.toolchain.data.dataset import Dataset

SECONDS_TO_ANSWER = 5.0
Files = dict[str, bytes]


class RayPool:
    """The Ray cluster at `address`: HOST:PORT of its head, ray://HOST:PORT of its client server, or "auto" for the local one.

    `jobs`: trials at once, None for as many as the cluster has processors, or GPUs for; `gpu_share`: of a GPU that each takes.
    """

    def __init__(self, address: str, jobs: int | None = None, gpu_share: float = 0.0) -> None:
        self.address, self.jobs, self.gpu_share = address, jobs, gpu_share
        self.running: dict[Any, Task] = {}
        self.images: dict[Any, Any] = {}  # references to data sets that Ray has, by what recipes say of them

    def __enter__(self) -> Self:
        """Connects. Raises OwlbitError where the address does not answer, or no cluster is there."""
        import ray

        self._check_answers("")
        try:
            # Ray's own words on a terminal would be beside the progress of the search.
            ray.init(self.address, logging_level=logging.ERROR, log_to_driver=False, namespace="owlbit")
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            said = " ".join(str(error).split())[:200]
            raise OwlbitError(f"--ray {self.address}: expected a Ray cluster that can be joined from here, got: {said}") from None
        self.train = ray.remote(num_cpus=1, num_gpus=self.gpu_share, max_retries=MOST_TRIES - 1)(train_far)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        import ray

        if error is not None:
            for reference in self.running:
                with suppress(Exception):
                    ray.cancel(reference, force=True)
        with suppress(Exception):
            ray.shutdown()

    def free(self) -> bool:
        return len(self.running) < self._slots()

    def begin(self, task: Task) -> None:
        self.running[self.train.remote(replace(task, run=None), self._images(task), task.run is not None)] = task

    def ended(self) -> list[tuple[Task, Outcome]]:
        import ray

        done: list[Any] = []
        while self.running and not done:
            done, _ = ray.wait(list(self.running), timeout=SECONDS_TO_ANSWER)
            if not done:
                self._check_answers("; finished trials are kept: start it again and give the same command")
        return [self._take(reference) for reference in done]

    def _take(self, reference: Any) -> tuple[Task, Outcome]:
        import ray

        task = self.running.pop(reference)
        try:
            outcome, files = ray.get(reference)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError):
            return task, Outcome(FAILED, note=KILLED)
        except ray.exceptions.RayTaskError as error:
            said = str(error.cause) if error.cause is not None else str(error).strip().splitlines()[-1]
            raise OwlbitError(f"--ray {self.address}: expected workers with this version of owlbit, one said: {said}") from None
        if task.run is not None and files:
            with filling(task.run, RUN) as folder:
                for name, content in files.items():
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_bytes(content)
        return task, outcome

    def _slots(self) -> int:
        """Trials that the cluster holds now; machines may come and go."""
        import ray

        there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        slots = int(there.get("CPU", 0))
        if self.gpu_share:
            slots = min(slots, int(there.get("GPU", 0) / self.gpu_share + 1e-9))
        if not slots:
            kind = "a GPU and a processor" if self.gpu_share else "a processor"
            raise OwlbitError(f"--ray {self.address}: expected a cluster with {kind}, found none")
        return slots if self.jobs is None else min(slots, self.jobs)

    def _images(self, task: Task) -> Any:
        """A reference to the images of `task`, given to Ray once."""
        import ray

        recipe = task.recipe()
        if recipe.data not in self.images:
            self.images[recipe.data] = ray.put(load(recipe.data, recipe.path.parent))
        return self.images[recipe.data]

    def _check_answers(self, advice: str) -> None:
        found = re.fullmatch(r"(?:ray://)?(.+):(\d+)", self.address)
        if found is None:
            if self.address != "auto":
                raise OwlbitError(f'--ray: expected HOST:PORT, ray://HOST:PORT or auto, got "{self.address}"')
            return
        try:
            socket.create_connection((found[1].strip("[]"), int(found[2])), SECONDS_TO_ANSWER).close()
        except (OSError, OverflowError) as error:
            wanted = f"a Ray cluster that answers within {SECONDS_TO_ANSWER:.0f} s"
            raise OwlbitError(f"--ray {self.address}: expected {wanted}, got none ({error}){advice}") from None


def train_far(task: Task, dataset: Dataset, keep: bool) -> tuple[Outcome, Files]:
    """Trains `task` on a worker; `keep`: whether the files of its run go back too, all but the checkpoints."""
    if not keep:
        return train_task(task, dataset), {}
    with tempfile.TemporaryDirectory(prefix="owlbit-final-") as name:
        run = Path(name) / "run"
        outcome = train_task(replace(task, run=run), dataset)
        paths = [path for path in sorted(run.rglob("*")) if path.is_file() and path.suffix != ".ckpt" and path.name[0] != "."]
        return outcome, {str(path.relative_to(run)): path.read_bytes() for path in paths}
