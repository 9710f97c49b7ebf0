"""A little of `make fuzz`: some damaged inputs of every kind, each read or refused in a sentence, in bounded time and memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fuzz_requests import fuzz_requests
from fuzz_run import Counts, Worker, fuzz, working
from soak_page import Sample, problems, soak

TRIED = {
    "qonnx": 200,
    "npz": 150,
    "recipe": 200,
    "board": 60,
    "comparison": 40,
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


@pytest.mark.slow
def test_the_page_does_not_grow_under_damaged_requests(tmp_path: Path) -> None:
    """`make soak` does this for an hour."""
    samples, wrong, counts = soak(0.8, tmp_path, every_s=5)
    assert wrong == []
    assert len(samples) > 5 and samples[-1].connections > 200 and counts["events"] > 0


def test_growth_is_noticed() -> None:
    flat = [Sample(60.0 * minute, 1800 * minute, 600 * minute, 300_000_000, 8, 4) for minute in range(10)]
    assert problems(flat) == []
    for name, value in {"resident": 309_000_000, "descriptors": 17, "threads": 9, "frames": 1800}.items():
        (problem,) = problems([*flat[:-1], replace(flat[-1], **{name: value})])
        assert name in problem or (name, "memory" in problem) == ("resident", True)


def test_the_loop_bears_damaged_requests_and_frames() -> None:
    counts = Counts()
    fuzz_requests(range(150), counts)
    assert counts.bad == []
