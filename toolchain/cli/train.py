"""`owlbit demo` and `owlbit train`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.toolchain.cli.errors import FAILED, when_stopped
from owlbit.toolchain.cli.terminal import ExtraData, SkipBad, out

if TYPE_CHECKING:
    from rich.table import Table

    from owlbit.toolchain.runs.run_folder import Result
    from owlbit.toolchain.search.records import Trial


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
    extra_data: ExtraData = None,
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
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUES", help="Train every combination of values, such as training.rate=0.001,0.003; repeatable."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="With --set: trainings at once.")] = 1,
) -> None:
    """Train the network of a recipe into a run folder.

    The folder gets the recipe, a checkpoint after every epoch, the weights of the epoch with the best validation accuracy, and
    the learning curve. With `--set`, RUN gets a run folder per combination, a table and a page.

    Example: `owlbit train models/recipes/digits.toml --out runs/digits`
    """
    if changes:
        for option, wrong in (
            ("--minutes", minutes is not None),
            ("--devices", devices * nodes > 1),
            ("--skip-bad", skip_bad),
            ("--extra-data", extra_data),
        ):
            if wrong:
                raise OwlbitError(f"{option}: expected a single training, got --set too; leave one out")
        if overwrite:
            raise OwlbitError("--overwrite: expected a single training, got --set too; choose another --out")
        _sweep(recipe, folder, data, changes, resume, jobs, logger)
        return
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
        extra_data=extra_data,
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


def _sweep(recipe: Path, folder: Path, data: Path | None, changes: list[str], resume: bool, jobs: int, logger: str) -> None:
    from owlbit.toolchain.runs.run_folder import earlier_files
    from owlbit.toolchain.search.journal import JOURNAL
    from owlbit.toolchain.search.measures import counts
    from owlbit.toolchain.search.pools import LocalPool
    from owlbit.toolchain.search.run_search import Search
    from owlbit.toolchain.search.sweep import read_sweep, run_name
    from owlbit.toolchain.training.loggers import check_logger

    check_logger(logger)
    earlier_files(folder, resume=resume, overwrite=False)
    space = read_sweep(recipe, changes)
    if (folder / JOURNAL).exists() and not resume:
        raise OwlbitError(f"{folder}: expected no earlier sweep, found one; continue it with --resume, or choose another folder")
    trials = Search(space, folder, LocalPool(jobs), out, data, run_name=run_name, logger=logger).run()
    out.print(sweep_table(trials))
    best = max((trial for trial in trials if trial.outcome.accuracy is not None), key=lambda trial: trial.accuracy, default=None)
    told = ", ".join(f"{count} {word}" for word, count in counts(trials))
    typer.echo(f"trained: {folder}, {told}" + (f"; next: owlbit evaluate {folder}/{run_name(best)}" if best else ""))


def sweep_table(trials: list[Trial]) -> Table:
    """A row per combination, the most accurate first."""
    from rich.table import Table

    from owlbit.toolchain.search.sweep import run_name

    table = Table("run", "validation", "epochs", "seconds", box=None, pad_edge=False)
    for trial in sorted(trials, key=lambda trial: -(trial.outcome.accuracy or 0.0)):
        ended = trial.kind if trial.outcome.accuracy is None else f"{trial.outcome.accuracy:.2%}"
        table.add_row(escape(run_name(trial)), ended, str(len(trial.outcome.curve)), f"{trial.outcome.seconds:.0f}")
    return table


def tell_result(folder: Path, result: Result) -> None:
    """Prints how a training ended."""
    tested = f", test {result.test_accuracy:.2%} of {result.test_images:,}" if result.test_accuracy is not None else ""
    figures = f"validation accuracy {result.validation_accuracy:.2%}{tested}, {result.weight_bits / 1000:,.1f} kbit"
    before = "".join(f"after {each.epochs} epochs {each.validation_accuracy:.2%}; then " for each in result.earlier)
    typer.echo(f"trained: {folder}, {before}{figures}; next: owlbit export {folder}")
