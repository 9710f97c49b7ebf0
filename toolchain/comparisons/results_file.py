"""results.csv of a comparison: one row a finished training, each row an instance of a flat dataclass."""

from __future__ import annotations

import csv
import typing
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from owlbit.export.errors import OwlbitError
from owlbit.export.files import replacing

RESULTS = "results.csv"

R = TypeVar("R")


def read_results(row: type[R], path: Path) -> list[R]:
    """The rows in `path`, as `row`s of int, float and str; none where there is no such file. Raises OwlbitError for other rows."""
    if not path.exists():
        return []
    kinds = typing.get_type_hints(row)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [row(**{key: kinds[key](value) for key, value in found.items()}) for found in csv.DictReader(file)]
    except (OSError, TypeError, ValueError, KeyError) as error:
        raise OwlbitError(f"{path}: expected the rows that this program writes, could not read them ({error}); move it") from None


def write_results(path: Path, rows: Sequence[Any]) -> None:
    """Writes `rows`, one at least and all of one dataclass, whole or not at all."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(rows[0])], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
