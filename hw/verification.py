"""Verification: a network computed by one backend after the other, compared integer for integer with the reference simulator.

A backend is a name and a function from images to scores. This module knows none of them; whoever verifies brings them, the
reference too. A backend whose tool or file is missing is a row that says "not run" and why: never one that passes. One that refuses
its input with an OwlbitError, a chip that finds its flash damaged for one, is a row that says "failed".
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
from owlbit.export.network import Ints
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ

LOG = logging.getLogger(__name__)

CLOCKED = ("ecp5-rtl", "ecp5-netlist", "rtl", "bitstream")  # backends of circuits with a clock

Images = NDArray[np.uint8]
Status = Literal["reference", "exact", "differs", "failed", "not run"]


class NotRun(OwlbitError):  # noqa: N818 - an outcome that is reported, not a failure
    """A backend cannot be run on this machine or with this model; the message says why."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a backend returns.

    `scores`: int32 [N, classes], the integers of the last layer; or where `ranked` what ranks, see `Network.ranked`;
    `cycles_per_frame`: clock cycles from frame to frame, where there is a clock; `clock_hz`: that clock.
    """

    scores: NDArray[Any]
    cycles_per_frame: int | None = None
    ranked: bool = False
    clock_hz: float = CLOCK_HZ


@dataclass(frozen=True)
class Backend:
    """One way to compute a model. `run` takes uint8 [N, C, H, W] and may raise NotRun or OwlbitError; at most `images` images are
    given to it."""

    name: str
    images: int
    run: Callable[[Images], Outcome]


@dataclass(frozen=True)
class Row:
    """One line of the result. `seconds` is wall time, tools' own compilation included; `note` explains any status but exact."""

    backend: str
    status: Status
    images: int
    seconds: float
    cycles_per_frame: int | None = None
    note: str = ""
    clock_hz: float = CLOCK_HZ

    @property
    def frames_per_second(self) -> float | None:
        """At the circuit's clock: that of the UP5K's engine, 24 MHz, or that of an ECP5 build."""
        return self.clock_hz / self.cycles_per_frame if self.cycles_per_frame else None

    def as_json(self) -> dict[str, Any]:
        """The row as plain values, the frame rate included."""
        rate = self.frames_per_second
        plain = asdict(self)
        if rate is None:
            del plain["clock_hz"]
        return {**plain, "seconds": round(self.seconds, 3), "frames_per_second": rate and round(rate, 2)}


def compare(
    reference: Backend, images: Images, backends: Sequence[Backend], rank: Callable[[Ints], NDArray[Any]] = lambda scores: scores
) -> Iterator[Row]:
    """Runs `reference`, then each backend in order, on the first images of uint8 [N, C, H, W]; yields one row each.

    `rank`: from the reference's integers to what ranks, for backends that return that. Raises OwlbitError where the reference
    refuses the images.
    """
    own = images[: reference.images]
    start = time.perf_counter()
    expected = reference.run(own).scores
    yield Row(reference.name, "reference", len(own), time.perf_counter() - start)
    for backend in backends:
        yield _compared(backend, own[: backend.images], expected, rank)


def _compared(backend: Backend, images: Images, expected: Ints, rank: Callable[[Ints], NDArray[Any]]) -> Row:
    start = time.perf_counter()
    try:
        outcome = backend.run(images)
    except NotRun as reason:
        LOG.info("skipped %s: %s", backend.name, reason)
        return Row(backend.name, "not run", 0, time.perf_counter() - start, note=str(reason))
    except OwlbitError as reason:
        return Row(backend.name, "failed", len(images), time.perf_counter() - start, note=str(reason))
    seconds = time.perf_counter() - start
    wanted = expected[: len(images)]
    note = describe_difference(rank(wanted) if outcome.ranked else wanted, outcome.scores)
    verdict: Status = "differs" if note else "exact"
    return Row(backend.name, verdict, len(images), seconds, outcome.cycles_per_frame, note, outcome.clock_hz)


def describe_difference(expected: NDArray[Any], scores: NDArray[Any]) -> str:
    """Empty where both are the same numbers; else how many differ and where the first one is."""
    if scores.shape != expected.shape:
        return f"expected scores {list(expected.shape)}, got {list(scores.shape)}"
    wrong = np.argwhere(expected != scores)
    if not len(wrong):
        return ""
    image, label = (int(index) for index in wrong[0])
    first = f"first at image {image}, class {label}: expected {expected[image, label]}, got {scores[image, label]}"
    return f"{len(wrong)} of {expected.size} scores differ, {first}"


def any_wrong(rows: Sequence[Row]) -> bool:
    """Whether any backend gave other integers than the reference, or none for a reason of its own."""
    return any(row.status in ("differs", "failed") for row in rows)


def as_cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Headings, and each row as text without its note.

    Cycles, and frames/s at the clock of the circuit, only where a backend of a circuit is among the rows.
    """
    clocked = any(row.backend in CLOCKED for row in rows)
    clocks = {row.clock_hz for row in rows if row.cycles_per_frame} or {CLOCK_HZ}
    clock = ("cycles/frame", f"frames/s at {' or '.join(f'{hz / 1e6:g}' for hz in sorted(clocks))} MHz") if clocked else ()
    cells: list[tuple[str, ...]] = [("backend", "images", "verdict", *clock, "seconds")]
    for row in rows:
        cycles, rate = row.cycles_per_frame, row.frames_per_second
        times = (f"{cycles:,}" if cycles else "-", f"{rate:,.1f}" if rate else "-") if clocked else ()
        cells.append((row.backend, str(row.images) if row.images else "-", row.status, *times, f"{row.seconds:.2f}"))
    return cells


def notes_of(rows: Sequence[Row]) -> list[str]:
    """A line per note, each note once, behind the names of all backends that say it."""
    said: dict[str, list[str]] = {}
    for row in rows:
        if row.note:
            said.setdefault(row.note, []).append(row.backend)
    return [f"{', '.join(backends)}: {note}" for note, backends in said.items()]


def format_table(rows: Sequence[Row]) -> str:
    """The rows as plain text in columns, the notes under the table."""
    cells = as_cells(rows)
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    notes = notes_of(rows)
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"
