"""The command line: `owlbit demo | train | export | build | simulate | verify | report | zoo | sense`.

Commands only parse, call one function of the toolchain and print; everything heavy is imported inside the command that needs it, so
that `owlbit --help` is immediate and a machine without torch can build, simulate and verify.

Exit codes: 0 well, 1 a backend differs or fails, 2 input that cannot be used or a missing tool, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from typer.core import TyperGroup

import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.toolchain.cli.sense import sense

if TYPE_CHECKING:
    from owlbit.hw.verification import Row

out = Console()


class Group(TyperGroup):
    """Turns what a user can cause into one message and an exit code."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except OwlbitError as error:
            typer.echo(f"owlbit: {error}", err=True)
            raise SystemExit(2) from None
        except ModuleNotFoundError as error:
            name = (error.name or "").partition(".")[0]
            if name in ("", "owlbit"):
                raise
            extras = "`pip install --editable '.[train,sense]'` in the checkout brings all that commands need"
            typer.echo(f"owlbit: this command needs the Python package {name}, which is not installed; {extras}", err=True)
            raise SystemExit(2) from None
        except OSError as error:
            typer.echo(f"owlbit: {error.filename or 'system'}: {error.strerror or error}", err=True)
            raise SystemExit(2) from None
        except KeyboardInterrupt:
            typer.echo("owlbit: stopped; a training goes on where it was with `owlbit train ... --resume`", err=True)
            raise SystemExit(130) from None


app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Fully-binarised vision networks next to the image sensor: train, export, build a flash image for the iCE40 UP5K, "
        "and check every step bit for bit.\n\n"
        "Start with `owlbit demo`. The single steps it takes:\n\n"
        "1. `owlbit train models/recipes/digits.toml --out runs/digits`\n\n"
        "2. `owlbit export runs/digits`\n\n"
        "3. `owlbit build runs/digits`\n\n"
        "4. `owlbit verify runs/digits`\n\n"
        "5. `owlbit report runs/digits`"
    ),
    epilog="Exit codes: 0 well; 1 a backend differs or fails; 2 input that cannot be used, or a missing tool; 130 stopped.",
)

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder made by `owlbit train`.", show_default=False)]
ModelArgument = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="A QONNX file, a network.npz, a run or build folder, or zoo:NAME.", show_default=False),
]

InputRange = Annotated[
    str,
    typer.Option(metavar="RANGE", help="What a QONNX file made elsewhere takes for pixels: uint8, unit [0, 1] or signed [-1, 1]."),
]


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where everything goes.")] = Path("runs/demo"),
) -> None:
    """Everything below in one go: train on digits that come with a dependency, export, build, verify, report.

    Takes minutes on two cores and needs no download. An earlier demo in the same folder is replaced.

    Example: `owlbit demo`, then open `runs/demo/report.html`.
    """
    from owlbit.toolchain.cli.demo import run_demo

    if not run_demo(folder, out):
        raise SystemExit(1)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe.toml: data, layers, training.", show_default=False)],
    folder: Annotated[Path, typer.Option("--out", metavar="RUN", help="The run folder to make.", show_default=False)],
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A local copy of the images: a folder or archive (default: the recipe's data.path)."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was stopped.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew in a folder that holds a run.")] = False,
    devices: Annotated[int, typer.Option(min=1, help="Processes on this machine: GPUs, or on a CPU as many as given.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines that train together; the same command runs on each.")] = 1,
    rendezvous: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where several machines meet: one of them.")] = "",
) -> None:
    """Train the network of a recipe into a run folder.

    The folder gets the recipe, a checkpoint after every epoch, the weights of the best one on the validation split, and the
    learning curve.

    Example: `owlbit train models/recipes/digits.toml --out runs/digits`
    """
    if devices * nodes > 1 and "WORLD_SIZE" not in os.environ:  # torchrun, which sets it, runs this command again in each process
        from owlbit.toolchain.recipes.recipe import load_recipe
        from owlbit.toolchain.training.distributed import launch

        load_recipe(recipe)  # what is wrong with it is said once, not by each process
        raise SystemExit(launch(sys.argv[1:], devices, nodes, rendezvous))
    result = owlbit.train(recipe, folder, data=data, resume=resume, overwrite=overwrite, console=out)
    if result:
        tested = f", test {result.test_accuracy:.2%} of {result.test_images:,}" if result.test_accuracy is not None else ""
        figures = f"validation accuracy {result.validation_accuracy:.2%}{tested}, {result.weight_bits / 1000:,.1f} kbit"
        typer.echo(f"trained: {folder}, {figures}; next: owlbit export {folder}")


@app.command()
def export(run: RunArgument) -> None:
    """Write a trained run as QONNX (model.onnx) and as integers (network.npz).

    The QONNX file opens in Netron and runs in the qonnx package; the integer network is what hardware is built from.

    Example: `owlbit export runs/digits`
    """
    owlbit.export_run(run)
    typer.echo(f"exported: {run}/model.onnx and {run}/network.npz; next: owlbit build {run}")


@app.command()
def build(
    model: ModelArgument,
    target: Annotated[
        str, typer.Option(metavar="TARGET", help="`up5k`, the iCE40 UP5K, or finn:PART, an AMD part by FINN.")
    ] = "up5k",
    folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The build folder to make (default: TARGET beside the model).")
    ] = None,
    input_range: InputRange = "auto",
    board: Annotated[
        str | None, typer.Option(metavar="BOARD", help="finn: FINN's name of a board, for bitfile and driver.")
    ] = None,
    fps: Annotated[float | None, typer.Option(metavar="F", help="finn: frames a second to reach (default: what fits).")] = None,
    folding: Annotated[Path | None, typer.Option(metavar="FILE", help="finn: a folding file of FINN (JSON).")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="STEP", help="finn: go on with this step.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="STEP", help="finn: end with this step.")] = None,
) -> None:
    """Compile a model for a device.

    **up5k**: a flash image. No place and route: the bitstream is fixed, a network is data that it boots. The folder gets flash.bin
    (to be written to the flash from address 0), build.json and the network.

    **finn:PART**: generated HLS and RTL with estimates, and with Vivado IP, bitfile and driver; see docs/finn.md.

    Example: `owlbit build model.onnx --target up5k --out builds/door`, or
    `owlbit build zoo:digits --target finn:xc7z020clg400-1 --fps 1000`
    """
    place = owlbit.build(
        model,
        folder,
        target=target,
        input_range=input_range,
        board=board,
        frames_per_second=fps,
        folding=folding,
        first=first,
        last=last,
        progress=typer.echo,
    )
    name = json.loads((place / "build.json").read_text(encoding="utf-8"))["network"]
    flash = place / "flash.bin"
    made = f"{flash}, {flash.stat().st_size:,} bytes" if flash.is_file() else place
    typer.echo(f"built {name}: {made}; next: owlbit verify {place}")


@app.command()
def simulate(
    model: ModelArgument,
    images: Annotated[
        Path,
        typer.Option(
            metavar="PATH", help="uint8 [N, C, H, W] as .npy or .npz, a picture, or a folder of them.", show_default=False
        ),
    ],
    scores: Annotated[Path | None, typer.Option(metavar="FILE", help="Write int32 [N, classes] as .npy.")] = None,
    level: Annotated[str, typer.Option(metavar="LEVEL", help="fast, reference, rtl or bitstream.")] = "fast",
    folder: Annotated[
        Path | None, typer.Option("--build", metavar="DIR", help="Boot this build's flash image (default: compile one).")
    ] = None,
    input_range: InputRange = "auto",
) -> None:
    """Compute a model's exact integer scores for images; every level gives the same ones.

    `fast` packs bits into words and uses all cores, `reference` is plain numpy, `rtl` the engine's Verilog in Verilator,
    `bitstream` the packed bitstream turned back into Verilog.

    Example: `owlbit simulate runs/digits --images frames.npy --level rtl --scores scores.npy`
    """
    import numpy as np

    from owlbit.export.files import replacing
    from owlbit.toolchain.cli.tables import scores_table
    from owlbit.toolchain.data.user_images import load_images

    network = owlbit.load(model, input_range=input_range)
    frames, names = load_images(images, network)
    outcome = owlbit.measure(network, frames, level=level, folder=folder)
    if scores is not None:
        with replacing(scores) as temporary, temporary.open("wb") as file:
            np.save(file, outcome.scores, allow_pickle=False)
    out.print(scores_table(network, names, outcome))


@app.command()
def verify(
    model: ModelArgument,
    images: Annotated[
        Path | None, typer.Option(metavar="PATH", help="As for simulate (default: the run's test images, or made-up frames).")
    ] = None,
    up_to: Annotated[
        str,
        typer.Option(metavar="BACKEND", help="Last backend: torch, zoo, qonnx, fast, finn-streamlined, finn-hw, rtl or bitstream."),
    ] = "bitstream",
    input_range: InputRange = "auto",
) -> None:
    """Compute a model by every backend and compare each, integer for integer, with the reference simulator: one row per backend.

    A backend whose tool or file is missing says "not run" and why. Slow backends get fewer images. Of a run or build folder the
    result also goes into the folder, as verification.json and verification.txt.

    Example: `owlbit verify runs/digits --up-to rtl`
    """
    from owlbit.hw.verification import any_wrong
    from owlbit.toolchain.cli.tables import verification_table

    rows = owlbit.verify(model, images, up_to=up_to, input_range=input_range, progress=show_progress)
    out.print(verification_table(rows))
    if any_wrong(rows):
        raise SystemExit(1)


@app.command()
def report(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A run folder made by `owlbit train`, or a FINN build.", show_default=False)
    ],
) -> None:
    """Write report.html into a run folder, or finn.html into a FINN build: one self-contained page to read or send.

    Of a run: thresholds over the image histogram, layers, memory map, confusion matrix, learning curve, and the verification once
    `owlbit verify` has run. Of a FINN build: estimates, folding and parts.

    Example: `owlbit report runs/digits`
    """
    typer.echo(f"report: {owlbit.report(model)}")


@app.command()
def zoo(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Show the card of one network.", show_default=False)] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw accuracy against bits of them all, as PNG.")] = None,
) -> None:
    """List the trained networks that come with owlbit, or show the card of one.

    Use one wherever MODEL stands, as `zoo:NAME`.

    Example: `owlbit simulate zoo:digits --images frames.npy`
    """
    from owlbit.toolchain.cli.tables import zoo_table
    from owlbit.toolchain.zoo.card import card_page, read_card, zoo_folder

    if name is not None:
        typer.echo(card_page(read_card(zoo_folder(name))))
        return
    cards = owlbit.zoo()
    out.print(zoo_table(cards))
    if plot is not None:
        from owlbit.toolchain.zoo.plot import draw_zoo

        draw_zoo(cards, plot)


app.command()(sense)


def show_progress(row: Row) -> None:
    """One line as soon as a backend is done; the table comes at the end."""
    note = f" ({row.note})" if row.note else ""
    typer.echo(f"{row.backend}: {row.status}, {row.seconds:.1f} s{note}")


def main() -> None:
    """The console command `owlbit`."""
    # brevitas tells of an optional package that binary networks have no use for.
    warnings.filterwarnings("ignore", module="brevitas")
    app()
