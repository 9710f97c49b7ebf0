"""A little of `make fuzz`: some damaged inputs of every kind, each read or refused in a sentence, in bounded time and memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz_requests import fuzz_requests
from fuzz_run import Counts, Worker, fuzz, working

TRIED = {
    "qonnx": 200,
    "npz": 150,
    "recipe": 200,
    "settings": 60,
    "images": 100,
    "upload": 100,
    "array": 100,
    "record": 100,
    "flash": 50,
}


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with working() as made:
        yield made


@pytest.mark.parametrize("kind", TRIED)
def test_damaged_inputs_are_read_or_refused(worker: Worker, kind: str, tmp_path: Path) -> None:
    counts = fuzz(worker, kind, range(TRIED[kind]), tmp_path, Counts())
    assert counts.bad == []
    assert counts.outcomes["refused"] > 5


def test_the_loop_bears_damaged_requests_and_frames() -> None:
    counts = Counts()
    fuzz_requests(range(150), counts)
    assert counts.bad == []
