"""Input encodings side by side on CIFAR-10: `python -m owlbit.toolchain.compare_encodings --data DIR --out docs/encodings`.

Every combination of light, colour, number of thresholds, encoding and seed is trained with one small network and one budget.
`results.csv` in the output folder gets a row as soon as a training has finished, and the tables and the plot are drawn again; what
has a row is skipped by the next call. `--only` takes part of the combinations, `--jobs` trains several at once, one thread each.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rich.console import Console

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.light import LIGHTS
from owlbit.toolchain.results_file import RESULTS, read_results, write_results
from owlbit.toolchain.run_folder import Result
from owlbit.toolchain.train_many import Job, train_many

COLOURS, THRESHOLDS, SEEDS = ("gray", "rgb"), (4, 2, 8), (0, 1, 2)
EPOCHS = 10

# What each encoding adds to the recipe, by table.
LEARNED, UNIFORM_START = 'encoding = "learned"\n', 'encoding = "learned"\nstart = "uniform"\n'
DISTILLED = '[distillation]\nteacher = "float"\nepochs = {epochs}\n'
INPUTS = {
    "learned": LEARNED,
    "learned-from-uniform": UNIFORM_START,
    "quantile": 'encoding = "quantile"\n',
    "uniform": 'encoding = "uniform"\n',
    "bit-planes": 'encoding = "bit-planes"\n',
    "learned-shared": LEARNED + "shared = true\n",
    "quantile-shared": 'encoding = "quantile"\nshared = true\n',
    "learned-narrowing": LEARNED + "window = 4.0\n",
    "learned-from-uniform-narrowing": UNIFORM_START + "window = 4.0\n",
    "learned-slow": LEARNED,
    "learned-fast": LEARNED,
    "learned-distilled": LEARNED,
    "quantile-distilled": 'encoding = "quantile"\n',
}
RATES = {"learned-slow": 1, "learned-fast": 20}  # threshold_rate where it is not 5
MAIN = ("learned", "learned-from-uniform", "quantile", "uniform", "bit-planes")
SHARED = ("learned-shared", "quantile-shared")  # with colours; fixed uniform thresholds are the same for all anyway

RECIPE = """name = "encodings"

[data]
source = "cifar10"
size = [16, 16]
colour = "{colour}"
validation = 0.1
flip = true
light = "{light}"

[input]
thresholds = {thresholds}
{input}
[[layers]]
kind = "conv"
filters = 32
pool = 2

[[layers]]
kind = "conv"
filters = 64
pool = 2

[[layers]]
kind = "conv"
filters = 128
pool = 2

[training]
epochs = {epochs}
batch = 128
rate = 0.01
threshold_rate = {threshold_rate}
estimator = "triangular"
precision = "bfloat16"
seed = {seed}
{distillation}"""


@dataclass(frozen=True)
class Case:
    """One training of the comparison."""

    light: str
    colour: str
    thresholds: int
    encoding: str
    seed: int

    @property
    def name(self) -> str:
        """What its run folder is called."""
        return f"{self.light}-{self.colour}-{self.thresholds}-{self.encoding}-{self.seed}"

    def recipe(self, epochs: int) -> str:
        """The text of its recipe."""
        return RECIPE.format(
            **asdict(self),
            epochs=epochs,
            input=INPUTS[self.encoding],
            threshold_rate=RATES.get(self.encoding, 5),
            distillation=DISTILLED.format(epochs=epochs) if self.encoding.endswith("distilled") else "",
        )


@dataclass(frozen=True)
class Row(Case):
    """A finished training, as in results.csv. Accuracies are shares 0..1; `places`: its integer thresholds, "/" between colours."""

    epochs: int
    validation: float
    test: float
    seconds: float
    places: str

    @property
    def case(self) -> Case:
        """Which training it is."""
        return self.with_encoding(self.encoding)

    def with_encoding(self, encoding: str) -> Case:
        """The case that differs from this one in no more than the encoding."""
        return Case(self.light, self.colour, self.thresholds, encoding, self.seed)


def cases() -> Iterator[Case]:
    """All combinations that make sense, seed by seed and four thresholds first; the variants of learning with four alone."""
    for seed in SEEDS:
        for thresholds in THRESHOLDS:
            for encoding in INPUTS:
                levels = (8,) if encoding == "bit-planes" else THRESHOLDS if encoding in (*MAIN, *SHARED) else (4,)
                if thresholds not in levels:
                    continue
                for light in LIGHTS:
                    for colour in COLOURS:
                        if encoding not in SHARED or colour == "rgb":
                            yield Case(light, colour, thresholds, encoding, seed)


def row_of(case: Case, epochs: int, result: Result) -> Row:
    """What a finished training of `case` adds to results.csv."""
    assert result.test_accuracy is not None
    return Row(
        **asdict(case),
        epochs=epochs,
        validation=result.validation_accuracy,
        test=result.test_accuracy,
        seconds=result.seconds,
        places="/".join(" ".join(map(str, colour)) for colour in result.thresholds),
    )


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
    from owlbit.toolchain.compare_encodings_page import write_page

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


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m owlbit.toolchain.compare_encodings", description="Compare input encodings on CIFAR-10."
    )
    parser.add_argument("--data", type=Path, required=True, help="a local copy of CIFAR-10")
    parser.add_argument("--out", type=Path, required=True, help="folder of results.csv, the tables and the plot")
    parser.add_argument("--runs", type=Path, default=Path("runs/encodings"), help="folder of the run folders")
    parser.add_argument("--only", nargs="+", default=[], metavar="KEY=VALUES", help="e.g. light=dark encoding=learned,quantile")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"of each training ({EPOCHS})")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once, one thread each")
    given = parser.parse_args(arguments)
    for key in ("epochs", "jobs"):
        if getattr(given, key) < 1:
            parser.error(f"--{key}: expected at least 1, got {getattr(given, key)}")
    console = Console(stderr=True)
    try:
        compare(given.data, given.out, given.runs, chosen(given.only), epochs=given.epochs, jobs=given.jobs, console=console)
    except OwlbitError as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return 2
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from here")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
