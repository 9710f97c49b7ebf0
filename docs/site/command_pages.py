"""The page of the site that lists every command and option, written from the command line itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer


def command_page() -> str:
    """Markdown with a section per command, in the order of `owlbit --help`."""
    from owlbit.toolchain.cli.app import app

    root = typer.main.get_command(app)
    lines = ["# Command line", "", "Every command and every option, as `--help` prints them.", ""]
    for path, command in walk(root, ["owlbit"]):
        lines += section(path, command)
    return "\n".join(lines) + "\n"


def walk(command: Any, path: list[str]) -> Iterator[tuple[list[str], Any]]:
    """Each command below `command`, itself first, with the words that call it."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from walk(child, [*path, name])


def section(path: list[str], command: Any) -> list[str]:
    """The heading, usage, text and table of options of one command."""
    context = command.context_class(command, info_name=" ".join(path))
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"## {' '.join(path)}", "", "```text", f"{' '.join(path)} {usage}", "```", "", (command.help or "").strip(), ""]
    rows = [row for parameter in command.get_params(context) if (row := parameter_row(parameter, context)) is not None]
    if rows:
        lines += ["| argument or option | meaning |", "|---|---|", *rows, ""]
    return lines


def parameter_row(parameter: Any, context: Any) -> str | None:
    """One row of the table; None for what help does not show."""
    record = parameter.get_help_record(context)
    if record is None:
        return None
    name, text = (re.sub(r"\s+", " ", part).replace("|", " or ") for part in record)
    return f"| `{name}` | {text} |"
