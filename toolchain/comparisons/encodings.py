"""Input encodings side by side on CIFAR-10: `owlbit compare-encodings --data DIR --out docs/encodings`.

Every combination of light, colour, number of thresholds, encoding and seed is trained with one small network and one budget.
`results.csv` in the output folder gets a row as soon as a training has finished, and the tables and the plot are drawn again; what
has a row is skipped by the next call. `--only` takes part of the combinations, `--jobs` trains several at once, one thread each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from rich.console import Console

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.comparisons.encodings_cases import Case, Row, cases, row_of
from owlbit.toolchain.comparisons.results_file import RESULTS, read_results, write_results
from owlbit.toolchain.comparisons.train_many import Job, train_many


def chosen(only: Sequence[str]) -> list[Case]:
    """The cases that fit every KEY=VALUE,VALUE.. of `only`; OwlbitError for a key or value that no case has."""
    found = list(cases())
    keys = [field.name for field in fields(Case)]
    for text in only:
        key, _, values = text.partition("=")
        if key not in keys:
            raise OwlbitError(f'--only: expected KEY=VALUE,VALUE.. with a key of {", ".join(keys)}, got "{text}"')
        known, wanted = {str(getattr(case, key)) for case in cases()}, set(values.split(","))
        if wanted - known:
            raise OwlbitError(f'--only: {key}: expected values of {", ".join(sorted(known))}, got "{values}"')
        found = [case for case in found if str(getattr(case, key)) in wanted]
    return found


def compare(data: Path, out: Path, runs: Path, todo: Sequence[Case], *, epochs: int, jobs: int, console: Console) -> list[Row]:
    """Trains what `todo` has and results.csv lacks, and draws tables and plot after each training; returns all rows."""
    from owlbit.toolchain.comparisons.encodings_page import write_page

    rows = read_results(Row, out / RESULTS)
    if any(row.epochs != epochs for row in rows):
        raise OwlbitError(f"{out / RESULTS}: expected trainings of {epochs} epochs, got others; choose another --out")
    done = {row.case for row in rows}
    missing = [case for case in todo if case not in done]
    console.print(f"{len(todo) - len(missing)} of {len(todo)} trainings are there already", highlight=False)
    jobs_of = {Job(f"{case.name}-{epochs}", case.recipe(epochs)): case for case in missing}
    for count, (job, result) in enumerate(train_many(list(jobs_of), data, runs, at_once=jobs), 1):
        row = row_of(jobs_of[job], epochs, result)
        rows.append(row)
        write_results(out / RESULTS, rows)
        write_page(out, rows, epochs)
        console.print(
            f"{count} of {len(missing)}: {row.case.name}: validation {row.validation:.1%}, {row.seconds:.0f} s", highlight=False
        )
    write_page(out, rows, epochs)
    return rows
