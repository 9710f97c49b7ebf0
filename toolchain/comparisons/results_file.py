"""results.csv of a comparison: one row per finished training, its values on the axes first."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.files import replacing
from owlbit.toolchain.comparisons.comparison import Case
from owlbit.toolchain.runs.run_folder import Result

RESULTS = "results.csv"
COLUMNS = ("seed", "epochs", "validation", "test", "weight_bits", "seconds", "threshold_values")  # after those of the axes


@dataclass(frozen=True)
class Row:
    """A finished training. Accuracies are shares 0..1, `test` None without test images; `weight_bits`: of the network that it ended
    with; `seconds`: of its epochs, a teacher's not counted; `threshold_values`: int per colour, none where they were not noted."""

    case: Case
    epochs: int
    validation: float
    test: float | None
    weight_bits: int
    seconds: float
    threshold_values: tuple[tuple[int, ...], ...] = ()

    @property
    def accuracy(self) -> float:
        """On the test images, or on the validation images where there are none."""
        return self.validation if self.test is None else self.test


def row_of(case: Case, result: Result) -> Row:
    """What a finished training adds to results.csv."""
    return Row(
        case,
        result.epochs + sum(each.epochs for each in result.earlier),
        result.validation_accuracy,
        result.test_accuracy,
        result.weight_bits,
        result.seconds + sum(each.seconds for each in result.earlier),
        tuple(map(tuple, result.thresholds)),
    )


def read_results(path: Path, axes: Sequence[str]) -> list[Row]:
    """The rows in `path`; none where there is no such file. Raises OwlbitError where they are no rows of these axes."""
    if not path.exists():
        return []
    header = [*axes, *COLUMNS]
    try:
        with path.open(newline="", encoding="utf-8") as file:
            found, *lines = list(csv.reader(file)) or [[]]
            if found != header:
                raise ValueError(f"its columns are {', '.join(found)}")
            return [_row(line[: len(axes)], dict(zip(header, line, strict=True))) for line in lines]
    except (OSError, ValueError) as error:
        wanted = f"expected rows with the columns {', '.join(header)}"
        raise OwlbitError(f"{path}: {wanted}, could not read them ({error}); move it or choose another --out") from None


def _row(values: Sequence[str], cells: dict[str, str]) -> Row:
    return Row(
        Case(tuple(values), int(cells["seed"])),
        int(cells["epochs"]),
        float(cells["validation"]),
        float(cells["test"]) if cells["test"] else None,
        int(cells["weight_bits"]),
        float(cells["seconds"]),
        tuple(tuple(map(int, colour.split())) for colour in cells["threshold_values"].split("/") if colour),
    )


def write_results(path: Path, axes: Sequence[str], rows: Sequence[Row]) -> None:
    """Writes `rows`, whole or not at all."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*axes, *COLUMNS])
        for row in rows:
            test = "" if row.test is None else row.test
            colours = "/".join(" ".join(map(str, colour)) for colour in row.threshold_values)
            figures = (row.epochs, row.validation, test, row.weight_bits, row.seconds, colours)
            writer.writerow([*row.case.values, row.case.seed, *figures])
