"""Trainings in processes beside this one: their share of the processors, and who answers Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children, parent_process

from owlbit.toolchain.runs.processor import cores


def share_threads(at_once: int) -> None:
    """Shares the processors' threads evenly among `at_once` processes to come; with more they would wait for one another."""
    threads = str(max(1, cores() // at_once))
    os.environ.update(OMP_NUM_THREADS=threads, NUMBA_NUM_THREADS=threads)


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Processes begun in this block ignore Ctrl-C, which reaches every process of a terminal: one says what happened, not each."""
    earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier)


def kill_children() -> None:
    """Ends all processes that multiprocessing began here; lightning would answer SIGTERM later, and finished epochs are kept."""
    for child in active_children():
        child.kill()


def end_with_parent() -> None:
    """In a process that multiprocessing began: ends it when its parent has ended, however that was; else it would wait for ever."""
    parent = parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
