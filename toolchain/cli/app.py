"""The command line `owlbit`: it registers all commands and defines those that take a MODEL.

Commands only parse, call one function of the toolchain and print; everything heavy is imported inside the command that needs it, so
that `owlbit --help` is immediate and a machine without torch can build, simulate and verify. What goes wrong, and the exit codes:
see `errors`.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import owlbit
from owlbit.toolchain.cli.bench import bench
from owlbit.toolchain.cli.boards import boards, flash, listen, selftest
from owlbit.toolchain.cli.build import build
from owlbit.toolchain.cli.check import check
from owlbit.toolchain.cli.compare import compare, export_bit_planes
from owlbit.toolchain.cli.errors import EXIT_CODES, FAILED, Group, help_without_command, when_stopped
from owlbit.toolchain.cli.hardware import bitstream, finn
from owlbit.toolchain.cli.offline import adopt, pack
from owlbit.toolchain.cli.pixels import (
    DeviationOption,
    MeanOption,
    ModelArgument,
    OffsetOption,
    RangeOption,
    ScaleOption,
    ShapeOption,
    given_range,
    given_shape,
)
from owlbit.toolchain.cli.schema import schema
from owlbit.toolchain.cli.search import search
from owlbit.toolchain.cli.sense import sense
from owlbit.toolchain.cli.terminal import AsJson, SkipBad, out, show_notices, version
from owlbit.toolchain.cli.train import demo, train
from owlbit.toolchain.cli.zoo import zoo

if TYPE_CHECKING:
    from owlbit.hw.verification import Row

app = typer.Typer(
    cls=Group,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Fully-binarised vision networks next to the image sensor: train, export, build a flash image for the iCE40 UP5K, "
        "and check every step bit for bit.\n\n"
        "Start with `owlbit demo`. Its single steps are:\n\n"
        "1. `owlbit check models/recipes/digits.toml`\n\n"
        "2. `owlbit train models/recipes/digits.toml --out runs/digits`\n\n"
        "3. `owlbit export runs/digits`\n\n"
        "4. `owlbit build runs/digits`\n\n"
        "5. `owlbit verify runs/digits`\n\n"
        "6. `owlbit report runs/digits`"
    ),
    epilog=EXIT_CODES,
)

MEASURE = "Commands for comparison and measurement"

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder made by `owlbit train`.", show_default=False)]


def show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version())
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=show_version, help="Show the versions of owlbit, Python and system."),
    ] = False,
) -> None:
    show_notices()
    help_without_command(context)


app.command()(demo)
app.command()(check)
app.command()(train)


@app.command()
@when_stopped("stopped; each file of {run} is either new or unchanged: export it again")
def export(run: RunArgument) -> None:
    """Write a trained run as QONNX (model.onnx) and as integers (network.npz).

    The QONNX file opens in Netron and runs in the qonnx package; hardware is built from the integer network.

    Example: `owlbit export runs/digits`
    """
    owlbit.export_run(run)
    typer.echo(f"exported: {run}/model.onnx and {run}/network.npz; next: owlbit build {run}")


app.command()(build)


@app.command()
@when_stopped("stopped; no scores were written")
def simulate(
    model: ModelArgument,
    images: Annotated[
        Path,
        typer.Option(
            metavar="PATH",
            help="uint8 [N, C, H, W] or [N, H, W, C] as .npy or .npz, a picture, or a folder of pictures.",
            show_default=False,
        ),
    ],
    scores: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the scores: .npy [N, classes], int32 or float32, or .csv with the name and class of each image.",
        ),
    ] = None,
    level: Annotated[str, typer.Option(metavar="LEVEL", help="fast, reference, rtl or bitstream.")] = "fast",
    folder: Annotated[
        Path | None, typer.Option("--build", metavar="DIR", help="With --level rtl or bitstream: boot this build's flash image.")
    ] = None,
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing; for use with --scores.")] = False,
    input_range: RangeOption = "auto",
    input_scale: ScaleOption = None,
    input_offset: OffsetOption = None,
    input_mean: MeanOption = None,
    input_deviation: DeviationOption = None,
    image_shape: ShapeOption = None,
) -> None:
    """Compute a model's exact scores for images; every level gives the same scores.

    Scores are integers. If the model's file has a factor and an offset per class, they are applied.

    `fast` packs bits into words and uses all cores, `reference` is plain numpy, `rtl` is the engine's Verilog in Verilator,
    `bitstream` is the bitstream converted back to Verilog. In a pipe the scores are printed as rows separated by tabs.

    Example: `owlbit simulate runs/digits --images frames.npy --level rtl --scores scores.npy`
    """
    from owlbit.toolchain.cli.evaluate import tell_scores
    from owlbit.toolchain.cli.tables import scores_table
    from owlbit.toolchain.data.user_images import load_images
    from owlbit.toolchain.deploy.evaluate import write_scores

    pixels = given_range(input_range, input_scale, input_offset, input_mean, input_deviation)
    network = owlbit.load(model, input_range=pixels, image_shape=given_shape(image_shape))
    frames, names = load_images(images, network, skip_bad=skip_bad)
    outcome = owlbit.measure(network, frames, level=level, folder=folder)
    if scores is not None:
        write_scores(scores, outcome.scores, names, network.class_names)
    if as_json or not (quiet or out.is_terminal):
        tell_scores(names, network.class_names, outcome.scores, outcome.cycles_per_frame, as_json=as_json)
    elif not quiet:
        out.print(scores_table(network, names, outcome))


@app.command()
@when_stopped("stopped; nothing was evaluated")
def evaluate(
    model: ModelArgument,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="A folder of class folders, or an .npz with images and labels (default: the run's test images).",
            show_default=False,
        ),
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the scores as .csv, with the name of each image, or as .npy.")
    ] = None,
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the accuracy.")] = False,
    input_range: RangeOption = "auto",
    input_scale: ScaleOption = None,
    input_offset: OffsetOption = None,
    input_mean: MeanOption = None,
    input_deviation: DeviationOption = None,
    image_shape: ShapeOption = None,
) -> None:
    """Measure a model's accuracy on labelled images, with confidence interval, confusion matrix and the worst images.

    Class folders have the names of the network's classes; if a folder has train/ and test/, test/ is used. In a pipe the tables are
    printed as rows separated by tabs, and every wrong image is listed.

    Example: `owlbit evaluate runs/doors --images new/ --scores scores.csv`
    """
    from owlbit.toolchain.cli.evaluate import tell_evaluation
    from owlbit.toolchain.deploy.evaluate import write_scores

    pixels = given_range(input_range, input_scale, input_offset, input_mean, input_deviation)
    found = owlbit.evaluate(model, images, skip_bad=skip_bad, input_range=pixels, image_shape=given_shape(image_shape))
    if scores is not None:
        write_scores(scores, found.scores, found.names, found.class_names)
    tell_evaluation(found, as_json=as_json, quiet=quiet)


@app.command()
@when_stopped("stopped; no verdict was written, an earlier one is unchanged")
def verify(
    model: ModelArgument,
    images: Annotated[
        Path | None, typer.Option(metavar="PATH", help="As for simulate (default: the run's test images, or generated frames).")
    ] = None,
    up_to: Annotated[
        str,
        typer.Option(
            metavar="BACKEND", help="Last backend: torch, zoo, qonnx, fast, c, finn-streamlined, finn-hw, rtl or bitstream."
        ),
    ] = "bitstream",
    input_range: RangeOption = "auto",
    input_scale: ScaleOption = None,
    input_offset: OffsetOption = None,
    input_mean: MeanOption = None,
    input_deviation: DeviationOption = None,
    image_shape: ShapeOption = None,
) -> None:
    """Compute a model with every backend and compare each, integer for integer, with the reference simulator: one row per backend.

    If a tool or file is missing, the row says "not run" and why. Slow backends get fewer images. For a run or build folder the
    result is also written into the folder, as verification.json and verification.txt.

    Example: `owlbit verify runs/digits --up-to rtl`
    """
    from owlbit.hw.verification import any_wrong
    from owlbit.toolchain.cli.tables import verification_table

    pixels, shape = given_range(input_range, input_scale, input_offset, input_mean, input_deviation), given_shape(image_shape)
    rows = owlbit.verify(model, images, up_to=up_to, input_range=pixels, image_shape=shape, progress=show_progress)
    out.print(verification_table(rows))
    if any_wrong(rows):
        raise SystemExit(FAILED)


@app.command()
@when_stopped("stopped; no report was written, an earlier one is unchanged")
def report(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="A run folder made by `owlbit train`, or a build for an ECP5 or by FINN.", show_default=False
        ),
    ],
) -> None:
    """Write report.html into a run folder or an ECP5 build, or finn.html into a FINN build: one self-contained page.

    For a run: thresholds over the image histogram, layers, memory map, confusion matrix, learning curve, and the verification after
    `owlbit verify` has run. For an ECP5 build: use of the part, clock, layers, verification. For a FINN build: estimates, folding
    and parts.

    Example: `owlbit report runs/digits`
    """
    typer.echo(f"report: {owlbit.report(model)}")


app.add_typer(zoo, name="zoo")
app.add_typer(boards, name="boards")
app.command()(flash)
app.command()(listen)
app.command()(selftest)
app.command()(when_stopped("stopped; Monte-Carlo has written nothing")(sense))
app.command()(schema)
app.command()(pack)
app.command()(adopt)
app.command()(search)
app.command(rich_help_panel=MEASURE)(compare)
app.command(rich_help_panel=MEASURE)(bench)
app.command(rich_help_panel=MEASURE)(export_bit_planes)
app.add_typer(finn, name="finn", rich_help_panel=MEASURE)
app.command(rich_help_panel=MEASURE)(bitstream)


def show_progress(row: Row) -> None:
    """One line as soon as a backend is done; the table comes at the end."""
    note = f" ({row.note})" if row.note else ""
    typer.echo(f"{row.backend}: {row.status}, {row.seconds:.1f} s{note}")


def main() -> None:
    """The console command `owlbit`."""
    # brevitas warns about an optional package that binary networks do not use.
    warnings.filterwarnings("ignore", module="brevitas")
    app()
