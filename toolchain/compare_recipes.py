"""Techniques against their absence: `python -m owlbit.toolchain.compare_recipes FILE --out DIR` trains every variant of a comparison.

`results.csv` in the output folder gets a row as soon as a training has finished, and table and plot are drawn again; what has a row
is skipped by the next call. See `owlbit.toolchain.comparison` for the file, `models/comparisons/` for whole ones.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.toolchain.comparison import Comparison, read_comparison
from owlbit.toolchain.recipe import load_recipe
from owlbit.toolchain.results_file import RESULTS, read_results, write_results
from owlbit.toolchain.run_folder import Result
from owlbit.toolchain.train_many import Job, train_many


@dataclass(frozen=True)
class Row:
    """A finished training, as in results.csv. Accuracies are shares 0..1, `test` -1 where there are no test images; `seconds`: of
    its epochs, a teacher's not counted; `weight_bits`: of the network that it ended with."""

    variant: str
    seed: int
    epochs: int
    validation: float
    test: float
    weight_bits: int
    seconds: float


def row_of(variant: str, seed: int, result: Result) -> Row:
    """What a finished training adds to results.csv."""
    test = -1.0 if result.test_accuracy is None else result.test_accuracy
    return Row(variant, seed, result.epochs, result.validation_accuracy, test, result.weight_bits, result.seconds)


def compare(
    comparison: Comparison, data: Path | None, out: Path, runs: Path, only: Sequence[str], *, at_once: int, console: Console
) -> list[Row]:
    """Trains what results.csv lacks, of the variants `only` or of all, and draws the page after each; returns all rows.

    Every recipe is read before the first is trained. Raises OwlbitError.
    """
    from owlbit.toolchain.compare_recipes_page import write_page

    for name in only:
        if name not in comparison.variants:
            raise OwlbitError(f'--only: expected variants of {", ".join(comparison.variants)}, got "{name}"')
    rows = read_results(Row, out / RESULTS)
    for row in rows:
        if row.variant not in comparison.variants:
            raise OwlbitError(f'{out / RESULTS}: expected variants of this comparison, got "{row.variant}"; choose another --out')
    done = {(row.variant, row.seed) for row in rows}
    todo = [(name, seed) for seed in comparison.seeds for name in comparison.variants if not only or name in only]
    jobs = {Job(f"{name}-{seed}", comparison.recipe(name, seed)): (name, seed) for name, seed in todo if (name, seed) not in done}
    for job in jobs:
        write_text(runs / f"{job.name}.toml", job.recipe)
        load_recipe(runs / f"{job.name}.toml")
    console.print(f"{len(todo) - len(jobs)} of {len(todo)} trainings are there already", highlight=False)
    for count, (job, result) in enumerate(train_many(list(jobs), data, runs, at_once=at_once), 1):
        rows.append(row_of(*jobs[job], result))
        write_results(out / RESULTS, rows)
        write_page(out, comparison, rows)
        figures = f"validation {rows[-1].validation:.1%}, {rows[-1].seconds:.0f} s"
        console.print(f"{count} of {len(jobs)}: {job.name}: {figures}", highlight=False)
    write_page(out, comparison, rows)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m owlbit.toolchain.compare_recipes",
        description="Train variants of a recipe with several seeds and compare them.",
    )
    parser.add_argument("comparison", type=Path, help="a comparison file, as in models/comparisons/")
    parser.add_argument("--data", type=Path, help="a local copy of the images (default: what the recipe says)")
    parser.add_argument("--out", type=Path, required=True, help="folder of results.csv, the table and the plot")
    parser.add_argument("--runs", type=Path, help="folder of the run folders (runs/compared/NAME)")
    parser.add_argument("--only", nargs="+", default=[], metavar="VARIANT", help="these alone")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once")
    given = parser.parse_args(arguments)
    if given.jobs < 1:
        parser.error(f"--jobs: expected at least 1, got {given.jobs}")
    console = Console(stderr=True)
    try:
        comparison = read_comparison(given.comparison)
        runs = given.runs or Path("runs", "compared", comparison.name)
        compare(comparison, given.data, given.out, runs, given.only, at_once=given.jobs, console=console)
    except OwlbitError as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return 2
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from here")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
