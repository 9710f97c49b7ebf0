"""The figures that docs/microcontrollers.md repeats are near the measured ones of docs/bench_c.md, and its sums are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = " ".join((DOCS / "microcontrollers.md").read_text(encoding="utf-8").split())
NEAR = 0.15  # the page says "about"


def measured(network: str) -> dict[str, str]:
    """A row of the measured table by its heads."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (DOCS / "bench_c.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    found = next(row for row in rows if row[0] == network)
    return dict(zip(rows[0], found, strict=True))


def stated(pattern: str) -> float:
    found = re.search(pattern, PAGE)
    assert found is not None, pattern
    return float(found[1].replace(",", ""))


def test_repeated_figures() -> None:
    row = measured("cifar10_1mb")
    assert stated(r"`cifar10_1mb` has ([\d.]+) % of all 10,000") == float(row["accuracy"].rstrip("%"))
    counted = int(row["Cortex-M4, instructions"].replace(",", "")) / 1e6
    assert stated(r"takes about (\d+) million instructions") == pytest.approx(counted, rel=NEAR)
    assert stated(r"takes about (\d+) kB of RAM") == pytest.approx(int(row["arena, bytes"].replace(",", "")) / 1e3, rel=NEAR)


def test_cycles_are_the_clock_by_the_rate() -> None:
    found = re.findall(r"([\d.]+) frames/s on an? [^|]*? at (\d+) MHz: ([\d.]+) million cycles", PAGE)
    assert len(found) == 2
    for rate, clock, cycles in found:
        assert float(cycles) == round(float(clock) / float(rate), 1)
