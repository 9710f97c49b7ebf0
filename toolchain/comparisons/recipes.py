"""Recipes side by side: `owlbit compare FILE --out DIR` trains what a comparison file asks for and shows it.

`results.csv` in the output folder gets a row as soon as a training has finished, and the page is written again; what has a row is
skipped by the next call. See `owlbit.toolchain.comparisons.comparison_file` for the file, `models/comparisons/` for whole ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.toolchain.comparisons.comparison import Comparison
from owlbit.toolchain.comparisons.page import write_page
from owlbit.toolchain.comparisons.results_file import RESULTS, Row, read_results, row_of, write_results
from owlbit.toolchain.comparisons.train_many import Job, train_many
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.recipes.restarts import all_epochs


def compare(
    comparison: Comparison, data: Path | None, out: Path, runs: Path, only: Sequence[str], *, at_once: int, console: Console
) -> list[Row]:
    """Trains what results.csv lacks, of the cases that `only` chooses or of all, and draws the page after each; returns all rows.

    Every recipe is read before the first is trained. Raises OwlbitError.
    """
    todo = comparison.chosen(only)
    axes = list(comparison.axes)
    rows = read_results(out / RESULTS, axes)
    _check(comparison, rows, out / RESULTS)
    done = {row.case for row in rows}
    jobs = {Job(case.name, comparison.recipe(case)): case for case in todo if case not in done}
    for job in jobs:
        write_text(runs / f"{job.name}.toml", job.recipe)
        load_recipe(runs / f"{job.name}.toml")
    console.print(f"{len(todo) - len(jobs)} of {len(todo)} trainings are there already", highlight=False)
    for count, (job, result) in enumerate(train_many(list(jobs), data, runs, at_once=at_once), 1):
        rows.append(row_of(jobs[job], result))
        write_results(out / RESULTS, axes, rows)
        write_page(out, comparison, rows)
        figures = f"validation {rows[-1].validation:.1%}, {rows[-1].seconds:.0f} s"
        console.print(f"{count} of {len(jobs)}: {job.name}: {figures}", highlight=False)
    write_page(out, comparison, rows)
    return rows


def _check(comparison: Comparison, rows: Sequence[Row], path: Path) -> None:
    """Raises OwlbitError for results that are not of this comparison as it is now."""
    for row in rows:
        for axis, value in zip(comparison.axes, row.case.values, strict=True):
            if value not in comparison.axes[axis]:
                raise OwlbitError(f'{path}: expected values of this comparison, got {axis} "{value}"; choose another --out')
        epochs = all_epochs(comparison.recipe_tables(row.case.values), row.epochs)
        if row.epochs != epochs:
            wanted = f"expected trainings of {epochs} epochs, got {row.epochs} of {row.case.name}"
            raise OwlbitError(f"{path}: {wanted}; choose another --out")
