"""What every command shares of the terminal: standard output, the version, and the log of `-v` on standard error.

A module of owlbit logs with `logging.getLogger(__name__)`: what is read, written or skipped as INFO, shown by `-v`; the programs it
calls and what it finds in the cache as DEBUG, shown by `-vv`. Nothing is logged to a file.
"""

from __future__ import annotations

import logging
import platform
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import owlbit

LOGGER = logging.getLogger("owlbit")
# Begins with the time and not with "owlbit: ", by which a starting process knows the message of one that it started.
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Terminal(Console):
    """rich's console, which leaves it to the command line what a closed pipe means."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


out = Terminal()

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON in place of tables.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be read, and list them.")]

ExtraData = Annotated[
    Path | None,
    typer.Option("--extra-data", metavar="DIR", help="A local copy of the additional images (default: data.extra.path)."),
]


def version() -> str:
    """The versions that a report of a defect should name."""
    return f"owlbit {owlbit.__version__}, Python {platform.python_version()}, {platform.platform()}"


class Notices(logging.Handler):
    """Warnings, such as what was guessed about a file, as lines on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        typer.echo(f"note: {record.getMessage()}", err=True)


def show_notices() -> None:
    """From now on warnings of owlbit go to standard error, unless the log of `-v` shows them."""
    if not LOGGER.handlers:
        LOGGER.addHandler(Notices(logging.WARNING))
        LOGGER.propagate = False


def start_log(times: int) -> int:
    """Logs to standard error from now on: with 1 what is read, written and skipped, with more every detail. Returns `times`."""
    if times:
        stop_log()
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(FORMAT))
        LOGGER.addHandler(handler)
        LOGGER.setLevel(logging.INFO if times == 1 else logging.DEBUG)
        LOGGER.propagate = False  # lightning gives the root logger a handler, which would show every line again
        LOGGER.info("%s", version())
    return times


def stop_log() -> None:
    """Ends what `start_log` began; a test may run several commands in one process."""
    LOGGER.handlers.clear()
    LOGGER.setLevel(logging.NOTSET)
    LOGGER.propagate = True


def verbose_option() -> Any:
    """The option `-v`, which a group adds to itself and to each of its commands, so that it may stand before or behind the name."""
    probe = typer.Typer(add_completion=False)

    @probe.command()
    def command(
        verbose: Annotated[
            int,
            typer.Option(
                "--verbose",
                "-v",
                count=True,
                expose_value=False,
                show_default=False,
                metavar="",
                callback=start_log,
                help="Log to standard error what is read, written and skipped; -vv: every detail.",
            ),
        ] = 0,
    ) -> None:
        pass

    return typer.main.get_command(probe).params[0]
