"""`owlbit finn` and `owlbit bitstream`: published figures beside FINN's estimates, iCE40 bitstreams made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from owlbit.toolchain.cli.errors import help_without_command, when_stopped

finn = typer.Typer(invoke_without_command=True)


@finn.callback()
def start(context: typer.Context) -> None:
    """Compare FINN's estimates with published figures; to build, use `owlbit build --target finn:PART`."""
    help_without_command(context)


@finn.command()
@when_stopped("stopped; nothing was written")
def published(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The Markdown file to write.")] = Path("docs/finn_report.md"),
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="DIR", help="Also write the network's finn.html and finn.json into this folder."),
    ] = None,
) -> None:
    """Estimate CNV_1W1A at FINN's published folding, and compare with published figures.

    Needs FINN (`make finn`), and Brevitas and Yosys.

    Example: `owlbit finn published --out docs/finn_report.md`
    """
    from owlbit.toolchain.finn.published import write_published_comparison

    write_published_comparison(out, page)
    typer.echo(f"report: {out}")


@when_stopped("stopped; the bitstream is as it was")
def bitstream(
    board: Annotated[
        str | None,
        typer.Argument(metavar="[BOARD]", help="A board's name, or your own NAME.toml (default: the engine alone)."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The folder for NAME.bin and NAME.json (default: replace owlbit's own)."),
    ] = None,
) -> None:
    """Place and route the UP5K engine, or a board's whole chip, again: after a change of its Verilog, or for a new board.

    One bitstream per board serves every network. Takes one to three minutes, and says whether the bitstream has changed. Without
    BOARD only the engine is built, as by `make bitstream`. Needs the extra `bitstream`.

    Example: `owlbit bitstream icesugar`
    """
    from owlbit.hw.up5k.bitstream.build import build_bitstream, build_board
    from owlbit.hw.up5k.bitstream.plan import HERE
    from owlbit.hw.up5k.board import load_board

    if board is None:
        build_bitstream(folder or HERE, progress=typer.echo)
        return
    chosen = load_board(board)
    build_board(chosen, folder / chosen.bitstream.name if folder else None, progress=typer.echo)
