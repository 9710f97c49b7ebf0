"""`owlbit bench`: measured figures and their targets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.cli.errors import FAILED, when_stopped
from owlbit.toolchain.cli.terminal import Terminal

NAMES = ("all", "c", "figures", "simulators", "training")


@when_stopped("stopped; figures that were not printed yet are lost, and no page was written")
def bench(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help=f"One of {', '.join(NAMES)}.", autocompletion=lambda: list(NAMES))
    ] = "all",
    write: Annotated[Path | None, typer.Option(metavar="FILE", help="simulators, c: also write the page, as Markdown.")] = None,
    rounds: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="simulators, training: number of runs of each (default: 9 and 7).")
    ] = None,
) -> None:
    """Measure figures on this machine and compare them with their targets: all figures, simulators, speed of training, C code.

    **c**: flash, RAM, instructions and time per frame of every network of the zoo in C, on QEMU and on this processor.
    **figures**: demo, reference network, engine and build. The network and its build are written to runs/bench/.
    **simulators**: every simulator with one network and the same images, one after the other.
    **training**: images/s of one training step, against the modules of Brevitas.

    Ends with exit code 1 if a target was missed.

    Example: `owlbit bench simulators --write docs/bench_simulators.md`
    """
    if name not in NAMES:
        raise OwlbitError(f"bench: expected one of {', '.join(NAMES)}, got {name!r}")
    if write is not None and name not in ("c", "simulators"):
        raise OwlbitError(f"--write: expected with `simulators` or `c`, got {name!r}")
    missed = False
    if name in ("all", "figures"):
        missed |= _figures()
    if name in ("all", "simulators"):
        missed |= _simulators(write, rounds)
    if name in ("all", "training"):
        missed |= _training(rounds)
    if name in ("all", "c"):
        missed |= _c_code(write)
    if missed:
        raise SystemExit(FAILED)


def _figures() -> bool:
    from owlbit.toolchain.benchmarks import figures as all_figures

    figures = all_figures.measure()
    wide = Terminal(width=None if sys.stdout.isatty() else 150)  # a file gets its lines whole
    wide.print(all_figures.figures_table(figures))
    return any(figure.reached is False for figure in figures)


def _simulators(write: Path | None, rounds: int | None) -> bool:
    from owlbit.export.files import write_text
    from owlbit.toolchain.benchmarks import simulators

    tables = simulators.measure(rounds or simulators.ROUNDS)
    text = simulators.page(tables) + "\n"
    typer.echo(text)
    if write is not None:
        write_text(write, text)
    return simulators.any_missed(tables)


def _c_code(write: Path | None) -> bool:
    from owlbit.export.files import write_text
    from owlbit.toolchain.benchmarks import c_code

    found = c_code.measure()
    text = c_code.page(found) + "\n"
    typer.echo(text)
    if write is not None:
        write_text(write, text)
    return c_code.any_missed(found)


def _training(rounds: int | None) -> bool:
    from owlbit.toolchain.benchmarks import training

    speeds = training.measure(rounds=rounds or training.ROUNDS)
    typer.echo(training.table(speeds))
    return training.missed(speeds)
