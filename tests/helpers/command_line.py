"""`owlbit` run in this process: what it wrote and how it ended."""

from __future__ import annotations

from typing import NamedTuple

from typer.testing import CliRunner

from owlbit.toolchain.cli.app import app


class Ended(NamedTuple):
    """The exit code, standard output and standard error of a command."""

    code: int
    out: str
    err: str


def owlbit(*arguments: str) -> Ended:
    """Runs `owlbit` with `arguments`, on a terminal of 140 columns."""
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "140"})
    return Ended(result.exit_code, result.stdout, result.stderr)
