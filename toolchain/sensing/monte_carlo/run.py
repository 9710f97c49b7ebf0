"""All sweeps of Monte-Carlo, and the table, the CSV and the plot that they fill a folder with."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.files import filling, write_text
from owlbit.toolchain.data.dataset import Labelled
from owlbit.toolchain.sensing.monte_carlo.measure import CONFIDENCE, Point, System, conditions, measure
from owlbit.toolchain.sensing.sensor import Sensor

TABLE, CSV, PLOT = "monte_carlo.txt", "monte_carlo.csv", "monte_carlo.png"
MOST_CHIPS = 10_000  # the decisions on all test frames and the weights of the bootstrap then take some hundred megabytes


def run_monte_carlo(
    systems: Sequence[System],
    data: Labelled,
    folder: Path,
    sensor: Sensor,
    *,
    lux: float = 200.0,
    rate: float = 30.0,
    chips: int = 12,
    seed: int = 0,
    notify: Callable[[str], None] = print,
) -> str:
    """Measures all sweeps and fills `folder` with a table, a CSV and a plot; returns the table.

    Raises OwlbitError where `folder` holds something else, or for fewer than two or more than MOST_CHIPS chips.
    """
    from owlbit.toolchain.sensing.monte_carlo.plot import plot_points

    if chips < 2:
        raise OwlbitError(f"chips: expected at least 2, got {chips}; an interval needs some spread")
    if chips > MOST_CHIPS:
        raise OwlbitError(f"chips: expected at most {MOST_CHIPS:,}, got {chips:,}; the interval hardly shrinks with more")
    points: list[Point] = []
    with filling(folder, CSV) as place:
        for condition in conditions(sensor, lux, rate):
            points += measure(systems, data, sensor, condition, chips, seed)
            notify(f"{condition.sweep} {condition.value:g} {condition.unit}: {points[-len(systems)].accuracy:.2%}")
        held = f"held where not swept: {sensor.mismatch_mv:g} mV, {lux:g} lux, {rate:g} frames/s"
        text = format_points(points, held)
        write_text(place / TABLE, text)
        write_csv(points, place / CSV)
        plot_points(points, held, place / PLOT)
    return text


def write_csv(points: Sequence[Point], path: Path) -> None:
    """One row a point, under the names of its fields."""
    names = [each.name for each in fields(Point)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([getattr(point, name) for name in names] for point in points)


def format_points(points: Sequence[Point], held: str) -> str:
    """The points as text: a block a sweep, a line a value, a column a system."""
    systems = list(dict.fromkeys(point.system for point in points))
    lines = []
    for sweep in dict.fromkeys(point.sweep for point in points):
        own = [point for point in points if point.sweep == sweep]
        rows = [[f"{sweep}, {own[0].unit}", *systems]]
        for value in dict.fromkeys(point.value for point in own):
            at = {point.system: point for point in own if point.value == value}
            rows.append([f"{value:g}", *(_cell(at[system]) for system in systems)])
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        rows.insert(1, ["-" * width for width in widths])
        lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows] + [""]
    first = points[0]
    note = f"{CONFIDENCE:.0%} interval of a two-way bootstrap over {first.chips} chips and {first.images} frames; {held}"
    return "\n".join([*lines, note]) + "\n"


def _cell(point: Point) -> str:
    return f"{point.accuracy:.1%} [{point.low:.1%}, {point.high:.1%}]"
