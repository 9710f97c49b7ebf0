"""The one convention of all commands for what goes wrong: a message `owlbit: ...` on standard error, an exit code, no traceback."""

from __future__ import annotations

import functools
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import typer
from typer.core import TyperGroup

import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.toolchain.cli.terminal import LOGGER, stop_log, verbose_option

PROGRAM = "owlbit"
FAILED, UNUSABLE, DEFECT, INTERRUPTED, PIPE_CLOSED = 1, 2, 3, 130, 141
EXIT_CODES = (
    "Exit codes: 0 success; 1 a comparison differs, a check fails or a target of bench is missed; 2 wrong use, unusable input or a "
    "missing tool; 3 a defect in owlbit; 130 interrupted by Ctrl-C; 141 output pipe closed."
)

P = ParamSpec("P")
R = TypeVar("R")


class Group(TyperGroup):
    """The whole command line: turns every error into one message and an exit code, and gives every command the option -v."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        _add_to_all(self, verbose_option())

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            raise SystemExit(tell(error)) from None

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        try:
            code = super().main(args, PROGRAM, complete_var, standalone_mode=False, **extra)
        except typer.TyperException as error:  # options in front of the command
            code = tell(error)
        finally:
            stop_log()
        sys.exit(code if isinstance(code, int) else 0)


def _add_to_all(command: Any, option: Any) -> None:
    command.params.append(option)
    for each in getattr(command, "commands", {}).values():
        _add_to_all(each, option)


def tell(error: BaseException) -> int:
    """Writes the one message about `error` to standard error and returns the exit code."""
    LOGGER.debug("ended by", exc_info=error)
    match error:
        case KeyboardInterrupt():
            return _say(str(error) or "stopped", INTERRUPTED)
        case OwlbitError():
            return _say(str(error), UNUSABLE)
        case typer.TyperException():
            context = getattr(error, "ctx", None)
            message = " ".join(error.format_message().split()).rstrip(".")
            path = context.command_path if context else PROGRAM
            return _say(f"{message[:1].lower()}{message[1:]}; see `{path} --help`", UNUSABLE)
        case ModuleNotFoundError(name=str(name)) if name.partition(".")[0] not in ("", "owlbit"):
            package = name.partition(".")[0]
            advice = f"`pip install --editable '.[{extra_of(package)}]'` in the checkout brings it"
            return _say(f"this command needs the Python package {package}, which is not installed; {advice}", UNUSABLE)
        case BrokenPipeError():
            # Python writes what is left in its buffer at exit, and would complain again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return PIPE_CLOSED
        case OSError():
            return _say(f"{error.filename or 'system'}: {error.strerror or error}", UNUSABLE)
        case _:
            what = " ".join(f"{type(error).__name__}: {error}".split())
            return _say(f"a defect in owlbit{_place(error)}: {what}; please report it with what `-vv` logs", DEFECT)


def extra_of(package: str) -> str:
    """The smallest extra of owlbit that brings `package`, by its name in an import; all of them where none is known to."""
    sizes: dict[str, int] = {}
    found = set()
    for line in metadata.requires("owlbit") or ():
        if (extra := re.search(r"extra == ['\"](\w+)['\"]", line)) is not None:
            sizes[extra[1]] = sizes.get(extra[1], 0) + 1
            if re.split(r"[^\w.-]", line, maxsplit=1)[0].lower().replace("-", "_") == package.lower():
                found.add(extra[1])
    found.discard("dev")
    return min(found, key=lambda extra: sizes[extra], default="train,plot,qonnx,rtl,sense")


def _say(message: str, code: int) -> int:
    typer.echo(f"{PROGRAM}: {message}", err=True)
    return code


def _place(error: BaseException) -> str:
    """Where in owlbit the error came from, ` in FILE, line N`; nothing where its own files are not in the traceback."""
    root = Path(owlbit.__file__).parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(root):
            return f" in {Path(frame.filename).relative_to(root)}, line {frame.lineno}"
    return ""


def help_without_command(context: typer.Context) -> None:
    """For a group of commands: its help, and the exit code of wrong use, where no command was given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise SystemExit(UNUSABLE)


def when_stopped(message: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator for a command: what it says at Ctrl-C. `{name}` in `message` becomes the value of its parameter of that name."""

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(command)
        def run(*arguments: P.args, **options: P.kwargs) -> R:
            try:
                return command(*arguments, **options)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(message.format(**options)) from None

        return run

    return decorate
