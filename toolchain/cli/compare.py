"""`owlbit compare` and `owlbit export-bit-planes`: networks set beside one another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from owlbit.toolchain.cli.errors import when_stopped
from owlbit.toolchain.cli.terminal import Terminal

progress = Terminal(stderr=True)

KEPT = "stopped; {out} keeps every finished training, and others keep their finished epochs: the same command goes on"


@when_stopped(KEPT)
def compare(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A comparison file, as in models/comparisons/.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder for results.csv, the page and its plots.", show_default=False)
    ],
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A local copy of the images (default: the recipe's data.path).")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder for the run folders (default: runs/compared/NAME_OF_FILE).")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="AXIS=VALUES", help="Train only these, such as light=dark,mixed or seed=0; repeatable."),
    ] = None,
    jobs: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of trainings at once; they share the processors evenly.")
    ] = 1,
) -> None:
    """Train variants of a recipe, or every combination of several axes, with several seeds; write a page of their accuracies.

    After each finished training, results.csv gets a row and the page is rewritten. Trainings with a row are skipped, so the same
    command continues after a stop. With [variants] in FILE, `--only VARIANT` is enough.

    Example: `owlbit compare models/comparisons/techniques.toml --out docs/techniques --jobs 2`
    """
    from owlbit.toolchain.comparisons.comparison_file import read_comparison
    from owlbit.toolchain.comparisons.recipes import compare as compare_recipes

    comparison = read_comparison(file)
    place = runs or Path("runs", "compared", comparison.name)
    compare_recipes(comparison, data, out, place, only or [], at_once=jobs, console=progress)


@when_stopped("stopped; {file} was not written")
def export_bit_planes(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run whose encoding is bit-planes.", show_default=False)],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The network.npz to write.", show_default=False)],
) -> None:
    """Write a run that reads bit planes as an integer network, for `owlbit sense --monte-carlo --against FILE`.

    Such a run does not deploy, since a thermometer cannot make bit planes. The written network reads them as input channels.

    Example: `owlbit export-bit-planes runs/planes planes.npz`
    """
    from owlbit.toolchain.sensing.monte_carlo.export_bit_planes import export_bit_planes as export_planes

    network = export_planes(run, file)
    typer.echo(f"exported: {file}, {network.name}")
