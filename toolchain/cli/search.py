"""`owlbit search`: the best network for a chip, and the one of a finished search that keeps some limits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.cli.errors import when_stopped
from owlbit.toolchain.cli.terminal import Terminal, out

if TYPE_CHECKING:
    from rich.table import Table

    from owlbit.toolchain.search.candidates import Energy
    from owlbit.toolchain.search.pools import Pool
    from owlbit.toolchain.search.records import Trial
    from owlbit.toolchain.search.space_file import SearchSpace

progress = Terminal(stderr=True)

KEPT = "stopped; {folder} keeps every finished trial: the same command goes on, and trains those again that were running"


@when_stopped(KEPT)
def search(
    file: Annotated[
        Path | None, typer.Argument(metavar="SPACE", help="A recipe with values to choose; see docs/search.md.", show_default=False)
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The folder of the search.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A local copy of the images (default: the recipe's data.path).")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Trials per sampler and seed (default: the space's).")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Trials at once (default: 1; with --ray, what the cluster holds).")
    ] = None,
    ray: Annotated[str, typer.Option(metavar="ADDRESS", help="Train on a Ray cluster: HOST:PORT, ray://HOST:PORT or auto.")] = "",
    gpu: Annotated[float, typer.Option(metavar="SHARE", min=0.0, max=1.0, help="Share of a GPU per trial, as 0.25.")] = 0.0,
    best: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Print the most accurate recipe of a search that keeps the limits below.")
    ] = None,
    fps: Annotated[float | None, typer.Option(metavar="F", min=0, help="With --best: frames per second at least.")] = None,
    bits: Annotated[float | None, typer.Option(metavar="N", min=0, help="With --best: binary weights at most.")] = None,
    cycles: Annotated[float | None, typer.Option(metavar="N", min=0, help="With --best: clock cycles per frame at most.")] = None,
    luts: Annotated[float | None, typer.Option(metavar="N", min=0, help="With --best: logic cells at most.")] = None,
    size: Annotated[
        float | None, typer.Option("--bytes", metavar="N", min=0, help="With --best: bytes of the target's memory at most.")
    ] = None,
) -> None:
    """Search a space of recipes for the best networks of a chip: a Pareto front of accuracy and cost.

    SPACE is a recipe in which some values are ranges or lists of choices, with constraints and objectives. Candidates that the
    compiler's cost model finds too large or too slow are never trained. The folder gets tables, a plot, search.html and a recipe
    per point of the front. The same command continues after a stop or a kill.

    Example: `owlbit search models/spaces/digits.toml --out runs/search --jobs 2`, then
    `owlbit search --best runs/search --fps 100 --bits 30000 > best.toml`
    """
    limits = {"fps": fps, "bits": bits, "cycles": cycles, "luts": luts, "bytes": size}
    given = {name: value for name, value in limits.items() if value}
    if best is not None:
        from owlbit.toolchain.search.best import best_recipe

        if file is not None or folder is not None:
            raise OwlbitError("--best: expected the folder of a search and limits alone, got SPACE or --out too; leave them out")
        typer.echo(best_recipe(best, given), nl=False)
        return
    if given:
        raise OwlbitError(f"--{next(iter(given))}: expected with --best, got it without; a search has its limits in [constraints]")
    if file is None or folder is None:
        raise OwlbitError("search: expected SPACE and --out DIR, or --best DIR, got neither")
    from owlbit.toolchain.search.run_search import Search
    from owlbit.toolchain.search.space_file import read_space

    space = read_space(file)
    if trials is not None:
        space = space.with_trials(trials)
    found = Search(space, folder, _pool(jobs, ray, gpu), progress, data, energy_model(), gpu).run()
    _tell(folder, space, found)


def _pool(jobs: int | None, address: str, gpu: float) -> Pool:
    if address:
        from owlbit.toolchain.search.ray_pool import RayPool

        return RayPool(address, jobs, gpu)
    from owlbit.toolchain.search.pools import LocalPool

    return LocalPool(jobs or 1, gpu)


def energy_model() -> Energy:
    """Joules per frame of the engine and the sensor's converter, without a host, by the constants of `owlbit sense`."""
    from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
    from owlbit.toolchain.sensing.settings import default_settings

    model = default_settings().energy

    def joules(cycles: int, comparisons: int, frames_per_second: float) -> float:
        frame_s = 1 / frames_per_second if frames_per_second else cycles / CLOCK_HZ
        return sum(model.frame_joules(cycles, frame_s, comparisons, event=False).values())

    return joules


def _tell(folder: Path, space: SearchSpace, trials: Sequence[Trial]) -> None:
    """Prints the front, what was not trained and why, and the volumes of the studies."""
    from owlbit.toolchain.search.measures import counts, growths, overhead, unfit_reasons

    out.print(front_table(space, trials))
    _line("trials: " + ", ".join(f"{count:,} {word}" for word, count in counts(trials)))
    reasons = unfit_reasons(trials)
    if reasons:
        _line("not trained because of: " + ", ".join(f"{reason} ({count:,})" for reason, count in reasons[:6]))
    for each in growths(trials, space.search.costs):
        _line(f"{each.study[0]}, seed {each.study[1]}: hypervolume {each.last:.4f} after {len(each.volumes)} trials")
    spent = overhead(trials)
    _line(f"{spent.training:,.0f} s of training; the search itself took {spent.engine:,.1f} s, {spent.share:.1%} of that")
    _line(f"searched: {folder}; next: open {folder}/search.html, or owlbit train {folder}/front/NAME.toml --out RUN")


def front_table(space: SearchSpace, trials: Sequence[Trial]) -> Table:
    """The Pareto front, a row per trial, the cheapest first."""
    from rich import box
    from rich.table import Table

    from owlbit.toolchain.search.candidates import shown
    from owlbit.toolchain.search.front import front_of
    from owlbit.toolchain.search.measures import figure_names

    names = figure_names(trials)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("front", no_wrap=True)
    for heading in ("validation", *names):
        table.add_column(heading, justify="right", no_wrap=True)
    for trial in front_of(trials, space.search.costs):
        table.add_row(trial.name, f"{trial.accuracy:.2%}", *(shown(trial.figures[name]) for name in names if name in trial.figures))
    return table


def _line(text: str) -> None:
    out.print(text, highlight=False, markup=False, soft_wrap=True)
