"""The verification ladder: every way to compute a network, climbed in order and compared integer for integer with the reference.

A rung is a name and a function from images to scores. This module knows none of the simulators above the reference; whoever
composes a ladder brings them. A rung whose tool is missing is a row that says "not run" and why: never one that passes. One that
refuses its input with an OwlbitError, a chip that finds its flash damaged for one, is a row that says "failed".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints, Network
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ

LOG = logging.getLogger(__name__)

Images = NDArray[np.uint8]
Status = Literal["golden", "exact", "differs", "failed", "not run"]


class NotRun(OwlbitError):  # noqa: N818 - an outcome that is reported, not a failure
    """A rung cannot be climbed on this machine or with this model; the message says why."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a rung returns. `scores`: int32 [N, classes]; `cycles_per_frame`: clock cycles, where there is a clock."""

    scores: Ints
    cycles_per_frame: int | None = None


@dataclass(frozen=True)
class Rung:
    """`run` takes uint8 [N, C, H, W] and may raise NotRun or OwlbitError; at most `images` images are given to it."""

    name: str
    images: int
    run: Callable[[Images], Outcome]


@dataclass(frozen=True)
class Row:
    """One line of the verdict. `seconds` is wall time, tools' own compilation included; `note` explains any status but exact."""

    rung: str
    status: Status
    images: int
    seconds: float
    cycles_per_frame: int | None = None
    note: str = ""

    @property
    def frames_per_second(self) -> float | None:
        """At the engine's clock of 24 MHz."""
        return CLOCK_HZ / self.cycles_per_frame if self.cycles_per_frame else None

    def as_json(self) -> dict[str, Any]:
        """The row as plain values, the frame rate included."""
        rate = self.frames_per_second
        return {**asdict(self), "seconds": round(self.seconds, 3), "frames_per_second": rate and round(rate, 2)}


def climb(network: Network, images: Images, rungs: Sequence[Rung]) -> Iterator[Row]:
    """Runs the rungs in order on the first images of uint8 [N, C, H, W]; yields the golden reference row first, then one a rung."""
    start = time.perf_counter()
    golden = simulate(network, images)
    yield Row("reference", "golden", len(images), time.perf_counter() - start)
    yield from compare(golden, images, rungs)


def compare(golden: Ints, images: Images, rungs: Sequence[Rung]) -> Iterator[Row]:
    """One row a rung, in order, compared with the golden scores int32 [N, classes] of uint8 images [N, C, H, W]."""
    for rung in rungs:
        own = images[: rung.images]
        start = time.perf_counter()
        try:
            outcome = rung.run(own)
        except NotRun as reason:
            LOG.info("skipped %s: %s", rung.name, reason)
            yield Row(rung.name, "not run", 0, time.perf_counter() - start, note=str(reason))
            continue
        except OwlbitError as reason:
            yield Row(rung.name, "failed", len(own), time.perf_counter() - start, note=str(reason))
            continue
        seconds = time.perf_counter() - start
        note = describe_difference(golden[: len(own)], outcome.scores)
        yield Row(rung.name, "differs" if note else "exact", len(own), seconds, outcome.cycles_per_frame, note)


def describe_difference(golden: Ints, scores: NDArray[Any]) -> str:
    """Empty where both are the same integers; else how many differ and where the first one is."""
    if scores.shape != golden.shape:
        return f"expected scores {list(golden.shape)}, got {list(scores.shape)}"
    wrong = np.argwhere(golden != scores)
    if not len(wrong):
        return ""
    image, label = (int(index) for index in wrong[0])
    first = f"first at image {image}, class {label}: expected {golden[image, label]}, got {scores[image, label]}"
    return f"{len(wrong)} of {golden.size} scores differ, {first}"


def any_wrong(rows: Sequence[Row]) -> bool:
    """Whether any rung gave other integers than the reference, or none for a reason of its own."""
    return any(row.status in ("differs", "failed") for row in rows)


HEADINGS = ("rung", "images", "verdict", "cycles/frame", "frames/s at 24 MHz", "seconds")


def as_cells(row: Row) -> tuple[str, str, str, str, str, str]:
    """A row as text under HEADINGS, without its note."""
    cycles, rate = row.cycles_per_frame, row.frames_per_second
    return (
        row.rung,
        str(row.images) if row.images else "-",
        row.status,
        f"{cycles:,}" if cycles else "-",
        f"{rate:,.1f}" if rate else "-",
        f"{row.seconds:.2f}",
    )


def format_table(rows: Sequence[Row]) -> str:
    """The rows as plain text in columns, one note a line under the table."""
    cells = [HEADINGS, *(as_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    notes = [f"{row.rung}: {row.note}" for row in rows if row.note]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"
