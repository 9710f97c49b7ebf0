"""`owlbit demo` and `owlbit train`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.toolchain.cli.errors import FAILED, when_stopped
from owlbit.toolchain.cli.terminal import SkipBad, out

if TYPE_CHECKING:
    from owlbit.toolchain.runs.run_folder import Result


@when_stopped("stopped; {folder} is incomplete, and the next demo there begins anew and replaces it")
def demo(
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for all files.")] = Path("runs/demo"),
) -> None:
    """Run all steps on scikit-learn's digits: train, export, build, verify, report.

    Takes minutes on two cores and needs no download. Replaces an earlier demo in the same folder.

    Example: `owlbit demo`, then open `runs/demo/report.html`.
    """
    from owlbit.toolchain.cli.demo import run_demo

    if not run_demo(folder, out):
        raise SystemExit(FAILED)


@when_stopped("stopped; {folder} keeps every finished epoch: the same command with --resume goes on after the last one")
def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe.toml: data, layers, training.", show_default=False)],
    folder: Annotated[Path, typer.Option("--out", metavar="RUN", help="The run folder to make.", show_default=False)],
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A local copy of the images: a folder or archive (default: the recipe's data.path)."),
    ] = None,
    skip_bad: SkipBad = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a training that was stopped.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in the folder.")] = False,
    minutes: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            min=0.01,
            help="Train for N minutes, preparation included, instead of a number of epochs; for a GPU.",
        ),
    ] = None,
    compiled: Annotated[bool, typer.Option("--compile/--no-compile", help="With --minutes: use torch.compile.")] = True,
    logger: Annotated[str, typer.Option(metavar="NAME", help="Also log each epoch to csv, tensorboard, wandb or mlflow.")] = "",
    devices: Annotated[int, typer.Option(min=1, help="Processes on this machine: one per GPU, or any number on a CPU.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines that train together; the same command runs on each.")] = 1,
    rendezvous: Annotated[str, typer.Option(metavar="HOST:PORT", help="Address of one of the machines, for --nodes.")] = "",
) -> None:
    """Train the network of a recipe into a run folder.

    The folder gets the recipe, a checkpoint after every epoch, the weights of the epoch with the best validation accuracy, and
    the learning curve.

    Example: `owlbit train models/recipes/digits.toml --out runs/digits`
    """
    if minutes is not None and devices * nodes > 1:
        raise OwlbitError("--minutes: expected a training on one device, got --devices or --nodes too; leave one out")
    if devices * nodes > 1 and "WORLD_SIZE" not in os.environ:  # torchrun, which sets it, runs this command again in each process
        from owlbit.toolchain.recipes.recipe import load_recipe
        from owlbit.toolchain.training.distributed import launch

        load_recipe(recipe)  # an error is reported once, not by each process
        raise SystemExit(launch(sys.argv[1:], devices, nodes, rendezvous))
    result = owlbit.train(
        recipe,
        folder,
        data=data,
        skip_bad=skip_bad,
        resume=resume,
        overwrite=overwrite,
        minutes=minutes,
        compiled=compiled,
        logger=logger,
        console=out,
    )
    if result:
        tell_result(folder, result)


def tell_result(folder: Path, result: Result) -> None:
    """Prints how a training ended."""
    tested = f", test {result.test_accuracy:.2%} of {result.test_images:,}" if result.test_accuracy is not None else ""
    figures = f"validation accuracy {result.validation_accuracy:.2%}{tested}, {result.weight_bits / 1000:,.1f} kbit"
    before = "".join(f"after {each.epochs} epochs {each.validation_accuracy:.2%}; then " for each in result.earlier)
    typer.echo(f"trained: {folder}, {before}{figures}; next: owlbit export {folder}")
