"""Programs that others made: running them, saying in one sentence what is missing or failed, and keeping their results."""

from __future__ import annotations

import hashlib
import logging
import os
import shlex
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from owlbit.export.errors import OwlbitError

LOG = logging.getLogger(__name__)


class ToolMissing(OwlbitError):  # noqa: N818 - reads as the sentence it is
    """A program that this step needs is not installed; the message names it and how to get it."""


class ToolFailed(OwlbitError):  # noqa: N818
    """A program ran and reported an error; the message carries its own first error line, `output` all that it printed."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


def digest(parts: Iterable[str | bytes | Path]) -> str:
    """SHA-256 as hex over texts, bytes and the names and contents of files, in the order given.

    Every part is preceded by its length, so that moving a byte from one part to the next changes the result.
    """
    state = hashlib.sha256()
    for part in parts:
        pieces = (
            [part.name.encode(), part.read_bytes()]
            if isinstance(part, Path)
            else [part.encode() if isinstance(part, str) else part]
        )
        for piece in pieces:
            state.update(len(piece).to_bytes(8, "little"))
            state.update(piece)
    return state.hexdigest()


def run_tool(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Runs a program in `folder` and returns what it wrote to its standard output.

    Raises ToolFailed with the program's name, its exit status and its first line that speaks of an error.
    """
    words = [str(word) for word in command]
    variables = {**os.environ, **(environment or {})}
    start = time.perf_counter()
    done = subprocess.run(words, cwd=folder, env=variables, capture_output=True, text=True, errors="replace")
    LOG.debug("status %d after %.1f s, in %s: %s", done.returncode, time.perf_counter() - start, folder, shlex.join(words))
    if done.returncode:
        output = done.stderr + done.stdout
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        telling = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "it printed nothing")
        message = f"{Path(words[0]).name}: expected it to succeed, it ended with status {done.returncode}: {telling}"
        raise ToolFailed(message, output)
    return done.stdout
