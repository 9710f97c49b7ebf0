"""`owlbit boards`, `flash`, `listen` and `selftest`: show boards, write their flash, print their results, test them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from owlbit.toolchain.cli.errors import FAILED, when_stopped
from owlbit.toolchain.cli.terminal import out

boards = typer.Typer(invoke_without_command=True)

BoardArgument = Annotated[
    str, typer.Argument(metavar="BOARD", help="A board that `owlbit boards` lists, or the path of its file.", show_default=False)
]
PortArgument = Annotated[
    str, typer.Argument(metavar="PORT", help="A serial port, such as /dev/ttyACM0 or COM3.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Baud = Annotated[int, typer.Option(metavar="N", help="Speed of the serial port, baud.")]


@boards.callback()
def list_boards(context: typer.Context, as_json: AsJson = False) -> None:
    """List the boards that owlbit builds for; sub-commands show one board and draw its wiring.

    Example: `owlbit boards`, then `owlbit build zoo:digits --board icesugar`
    """
    if context.invoked_subcommand is not None:
        return
    from owlbit.toolchain.boards import describe
    from owlbit.toolchain.boards.any_board import all_boards
    from owlbit.toolchain.cli.tables import boards_table

    found = all_boards()
    if as_json:
        typer.echo(json.dumps([describe.as_json(board) for board in found], indent=2))
    else:
        out.print(boards_table(found))


@boards.command()
def show(board: BoardArgument, as_json: AsJson = False) -> None:
    """Show one board: clock, flash, host link, every pin with its source, and what to buy.

    Example: `owlbit boards show icesugar`
    """
    from owlbit.toolchain.boards import describe
    from owlbit.toolchain.boards.any_board import find_board

    found = find_board(board)
    typer.echo(json.dumps(describe.as_json(found), indent=2) if as_json else describe.board_page(found))


@boards.command()
@when_stopped("stopped; nothing was drawn")
def draw(
    board: BoardArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The SVG file to write.", show_default=False)],
) -> None:
    """Draw the wiring between a board and its camera or host, as SVG.

    Example: `owlbit boards draw icesugar wiring.svg`
    """
    from owlbit.toolchain.boards.any_board import find_board
    from owlbit.toolchain.boards.wiring_picture import draw_wiring

    draw_wiring(find_board(board), file)
    typer.echo(f"drawn: {file}")


@when_stopped("stopped; the flash may be half-written: write it again")
def flash(
    build: Annotated[Path, typer.Argument(metavar="BUILD", help="A folder made by `owlbit build --board`.", show_default=False)],
    network: Annotated[bool, typer.Option("--network", help="Write only the network; keep the bitstream.")] = False,
    memory: Annotated[bool, typer.Option("--memory", help="ecp5: load the chip alone, until it loses power.")] = False,
    tool: Annotated[
        str | None, typer.Option(metavar="TOOL", help="The program that writes the flash (default: the first that is installed).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command instead of running it.")] = False,
) -> None:
    """Write a build into the flash of its board, with icesprog, iceprog, openFPGALoader, fujprog, ecpdap or dfu-util.

    The flash image, or the bitstream of an ECP5, is checked before it is written.

    Example: `owlbit flash builds/door --network`
    """
    from owlbit.toolchain.boards.write_flash import first_installed, programs, read_build, run_program

    found = read_build(build)
    commands = programs(found, network, memory, tool)
    if dry_run:
        for words in commands:
            typer.echo(shlex.join(words))
        return
    words = first_installed(found, commands)
    typer.echo(f"writing by {shlex.join(words)}")
    run_program(found, words)
    typer.echo(f"written; next: owlbit selftest PORT --build {build}, then owlbit listen PORT --build {build}")


BuildOption = Annotated[
    Path | None,
    typer.Option(
        "--build",
        metavar="BUILD",
        help="The build that is on the board: gives the names of the classes and the simulator's scores.",
    ),
]


@when_stopped("stopped; the board continues")
def listen(
    port: PortArgument,
    build: BuildOption = None,
    push: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Send these images instead of using the camera, as for simulate; needs --build."),
    ] = None,
    count: Annotated[int | None, typer.Option(metavar="N", min=1, help="Stop after N lines (default: never).")] = None,
    wakes: Annotated[bool, typer.Option("--wakes", help="Print only wake-ups and errors.")] = False,
    page: Annotated[
        bool, typer.Option("--page", help="Serve a live page, which can also send images to the board; needs --build.")
    ] = False,
    host: Annotated[str, typer.Option(metavar="HOST", help="Address that the page listens on.")] = "127.0.0.1",
    page_port: Annotated[
        int, typer.Option("--page-port", metavar="N", min=0, max=65535, help="The page's port; 0: any free one.")
    ] = 8001,
    token: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            envvar="OWLBIT_TOKEN",
            help="Token for sending pictures on the page (default: none on this machine; otherwise a random one is printed).",
        ),
    ] = "",
    baud: Baud = 115200,
) -> None:
    """Print the results and errors of a board, one line of JSON each.

    With `--push`, images are sent to the board, and each line has the chip's scores and the simulator's.

    Example: `owlbit listen /dev/ttyACM0 --build builds/door --wakes`
    """
    from owlbit.export.errors import OwlbitError
    from owlbit.hw.up5k.host.client import explain_error
    from owlbit.toolchain.boards.listen import error_json, push_images
    from owlbit.toolchain.boards.listen import listen as lines_of
    from owlbit.toolchain.boards.open_board import open_board

    if build is None and (push is not None or page):
        raise OwlbitError("--build: expected the build that the board runs, which --push and --page compare with, got none")
    with open_board(port, baud, build) as (device, network):
        status = device.hello()
        if page and network is not None:
            from owlbit.toolchain.boards.open_board import board_page

            board_page(device, network, host, page_port, lambda line: typer.echo(f"owlbit: {line}", err=True), token)
            return
        if push is not None and network is not None:
            from owlbit.toolchain.data.user_images import load_images

            lines = push_images(device, *load_images(push, network), network)
        else:
            if status.camera == "none":
                raise OwlbitError(f"{port}: expected a board with a camera, got one whose host sends pixels: give --push PATH")
            if status.error in (1, 4, 7):  # no frame will come with these
                raise OwlbitError(f"{port}: {explain_error(status.error)}")
            if status.error:
                typer.echo(json.dumps(error_json(status.error)))
            if status.state in ("idle", "error"):
                device.start()
            lines = lines_of(device, network, count, wakes)
        differs = False
        for line in lines:
            typer.echo(json.dumps(line))
            differs = differs or line.get("equal") is False
        if differs:
            raise SystemExit(FAILED)


@when_stopped("stopped; the camera may be stopped: owlbit listen PORT starts it")
def selftest(port: PortArgument, build: BuildOption = None, as_json: AsJson = False, baud: Baud = 115200) -> None:
    """Test a board: its link, the content of its flash, its computation and its camera; say which of them fails.

    The chip runs the self-test of its flash image. Frames are sent to the chip, and its scores are compared with the simulator's
    (`--build`). The frames of its camera are checked for three seconds.

    Example: `owlbit selftest /dev/ttyACM0 --build builds/door`
    """
    from dataclasses import asdict

    from owlbit.toolchain.boards.diagnose import any_wrong, diagnose
    from owlbit.toolchain.boards.open_board import open_board, read_if_given

    with open_board(port, baud, build) as (device, network):
        findings = diagnose(device, read_if_given(build), network)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in findings], indent=2))
    else:
        for each in findings:
            typer.echo(f"{each.check:<14}{each.verdict:<9}{each.text}")
    if any_wrong(findings):
        raise SystemExit(FAILED)
