"""`owlbit build`: a model compiled for a device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import owlbit
from owlbit.toolchain.cli.errors import when_stopped
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


@when_stopped("stopped; nothing was written for up5k; a build by FINN keeps its finished steps, and `--from STEP` goes on")
def build(
    model: ModelArgument,
    target: Annotated[
        str,
        typer.Option(
            metavar="TARGET",
            help="`up5k` for the iCE40 UP5K, `ecp5-25f`, `ecp5-45f` or `ecp5-85f`, `c` for C, or finn:PART for an AMD part.",
        ),
    ] = "up5k",
    folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The build folder to make (default: TARGET beside the model).")
    ] = None,
    input_range: RangeOption = "auto",
    input_scale: ScaleOption = None,
    input_offset: OffsetOption = None,
    input_mean: MeanOption = None,
    input_deviation: DeviationOption = None,
    image_shape: ShapeOption = None,
    board: Annotated[
        str | None,
        typer.Option(metavar="BOARD", help="up5k, ecp5: a board of `owlbit boards`, or its file; finn: FINN's name of a board."),
    ] = None,
    wake: Annotated[
        Path | None, typer.Option(metavar="FILE", help="up5k: settings (TOML) whose [wake] the chip gets (default: that of sense).")
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(metavar="F", help="ecp5, finn: frames per second to reach (default: ecp5 1000, finn the most that fits)."),
    ] = None,
    most: Annotated[bool, typer.Option("--max", help="ecp5: as many frames per second as the part holds.")] = False,
    clock: Annotated[
        float | None, typer.Option(metavar="MHZ", help="ecp5: the clock that must close (default: what place and route reaches).")
    ] = None,
    folding: Annotated[Path | None, typer.Option(metavar="FILE", help="ecp5, finn: a folding file (JSON).")] = None,
    engine: Annotated[bool, typer.Option("--engine", help="ecp5: the engine of the up5k, which boots any network.")] = False,
    weights_only: Annotated[
        bool, typer.Option("--weights-only", help="ecp5: exchange the weights of the build in DIR, without place and route.")
    ] = False,
    first: Annotated[str | None, typer.Option("--from", metavar="STEP", help="finn: continue with this step.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="STEP", help="finn: stop after this step.")] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="c: name of the C files and of their functions (default: the network's).")
    ] = None,
) -> None:
    """Compile a model for a device.

    **up5k**: makes a flash image, without place and route: the bitstream is fixed, and loads the network as data when it boots. The
    folder gets flash.bin (write it to the flash at address 0), build.json and the network; with `--board` also network.bin, the
    network alone.

    **ecp5-25f**, **ecp5-45f**, **ecp5-85f**: makes Verilog with a circuit per layer, folded for `--fps`, and places, routes and
    packs it with open tools: minutes for a small network. With `--engine` the up5k's engine is built, once for all networks; the
    network is data behind it in the flash.

    **c**: makes NAME.h and NAME.c, C99 without allocation or library, for any processor; `--name` names them.

    **finn:PART**: makes HLS and RTL sources with estimates; if Vivado is installed, also IP, bitfile and driver; see docs/finn.md.

    Example: `owlbit build model.onnx --target up5k --out builds/door`,
    `owlbit build zoo:digits --target ecp5-25f --fps 5000`, or
    `owlbit build zoo:digits --target finn:xc7z020clg400-1 --fps 1000`
    """
    place = owlbit.build(
        model,
        folder,
        target=target,
        input_range=given_range(input_range, input_scale, input_offset, input_mean, input_deviation),
        image_shape=given_shape(image_shape),
        board=board,
        wake=wake,
        frames_per_second=fps,
        folding=folding,
        first=first,
        last=last,
        name=name,
        most=most,
        clock_mhz=clock,
        engine=engine,
        weights_only=weights_only,
        progress=typer.echo,
    )
    network = json.loads((place / "build.json").read_text(encoding="utf-8"))["network"]
    flash = place / "flash.bin"
    made = f"{flash}, {flash.stat().st_size:,} bytes" if flash.is_file() else place
    typer.echo(f"built {network}: {made}; next: owlbit verify {place}")
    if not target.startswith("finn:") and board is not None:
        tell_how_to_write(place)


def tell_how_to_write(place: Path) -> None:
    """The commands that write a build into the flash of its board."""
    import shlex

    from owlbit.toolchain.boards.describe import describe_policy
    from owlbit.toolchain.boards.ecp5_build import Ecp5Build
    from owlbit.toolchain.boards.write_flash import read_build

    build = read_build(place)
    typer.echo(describe_policy(build))
    if isinstance(build, Ecp5Build):
        for title, commands in (("flash:     ", build.commands()), ("chip alone:", build.commands(memory=True))):
            for words in commands:
                typer.echo(f"  {title} {shlex.join(words)}")
    else:
        for each in build.board.programmer:
            typer.echo(f"  whole flash:   {shlex.join(build.command(each, network_alone=False))}")
            if each.network:
                typer.echo(f"  network alone: {shlex.join(build.command(each, network_alone=True))}")
    typer.echo(f"or: owlbit flash {place}")
