"""`owlbit compare`, `owlbit compare-encodings` and `owlbit export-bit-planes`: networks set beside one another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from owlbit.toolchain.cli.errors import when_stopped
from owlbit.toolchain.cli.terminal import Terminal

progress = Terminal(stderr=True)

Jobs = Annotated[int, typer.Option(metavar="N", min=1, help="Trainings at once; they share the processors evenly.")]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="The folder of results.csv, the tables and the plots.", show_default=False)
]
KEPT = "stopped; {out} keeps every finished training, and others keep their finished epochs: the same command goes on"


@when_stopped(KEPT)
def compare(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A comparison file, as in models/comparisons/.", show_default=False)],
    out: Out,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A local copy of the images (default: what the recipe says).")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder of the run folders (default: runs/compared/NAME_OF_FILE).")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="VARIANT", help="Train this variant alone; may be given several times.")
    ] = None,
    jobs: Jobs = 1,
) -> None:
    """Train variants of a recipe with several seeds, and write a table and a plot of their accuracies.

    results.csv gets a row for each finished training, and table and plot are drawn again after each. What has a row is skipped, so
    that the same command goes on where an earlier one ended.

    Example: `owlbit compare models/comparisons/techniques.toml --out docs/techniques --jobs 2`
    """
    from owlbit.toolchain.comparisons.comparison_file import read_comparison
    from owlbit.toolchain.comparisons.recipes import compare as compare_recipes

    comparison = read_comparison(file)
    place = runs or Path("runs", "compared", comparison.name)
    compare_recipes(comparison, data, out, place, only or [], at_once=jobs, console=progress)


@when_stopped(KEPT)
def compare_encodings(
    data: Annotated[Path, typer.Option(metavar="DIR", help="A local copy of CIFAR-10.", show_default=False)],
    out: Out,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="The folder of the run folders.")] = Path("runs/encodings"),
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUES", help="Part of the trainings, as encoding=learned,quantile; may be given several times."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", min=1, help="Epochs of each training (default: 10).")] = None,
    jobs: Jobs = 1,
) -> None:
    """Compare input encodings on CIFAR-10: light, colour, number of thresholds, encoding and seed, one small network each.

    Example: `owlbit compare-encodings --data cifar10 --out docs/encodings --only light=dark --jobs 2`
    """
    from owlbit.toolchain.comparisons.encodings import chosen
    from owlbit.toolchain.comparisons.encodings import compare as compare_all
    from owlbit.toolchain.comparisons.encodings_cases import EPOCHS

    compare_all(data, out, runs, chosen(only or []), epochs=epochs or EPOCHS, jobs=jobs, console=progress)


@when_stopped("stopped; {file} was not written")
def export_bit_planes(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run whose encoding is bit-planes.", show_default=False)],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The network.npz to write.", show_default=False)],
) -> None:
    """Write a run that reads bit planes as an integer network, for `owlbit sense --monte-carlo --against FILE`.

    Such a run does not deploy, since no thermometer gives bit planes. The network written here has them as its input channels.

    Example: `owlbit export-bit-planes runs/planes planes.npz`
    """
    from owlbit.toolchain.sensing.monte_carlo.export_bit_planes import export_bit_planes as export_planes

    network = export_planes(run, file)
    typer.echo(f"exported: {file}, {network.name}")
