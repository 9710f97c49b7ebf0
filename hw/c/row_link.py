"""The host's side of the examples' serial line: sends a frame row by row, as firmware asks for it, and reads class and scores."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints
from owlbit.hw.external_tools import ToolMissing

QEMU = "qemu-system-arm"
MOST_SKIPPED = 4096  # bytes that may come before the firmware asks for a row: a greeting, an unfinished line


class Line(Protocol):
    """A serial line: pyserial's `Serial` is one. `read` waits for bytes and returns fewer where none come any more."""

    def read(self, size: int = ..., /) -> bytes: ...
    def write(self, data: bytes, /) -> int | None: ...


@dataclass(frozen=True, eq=False)
class Answer:
    """What the firmware said of a frame: the class that it chose, and `scores`, int32 [classes]."""

    best: int
    scores: Ints


def ask(line: Line, image: NDArray[np.uint8]) -> Answer:
    """Sends uint8 [C, H, W] over `line`, each row when a dot asks for it, and returns the answer.

    Raises OwlbitError where the line falls silent or answers something else.
    """
    for index, row in enumerate(image.transpose(1, 2, 0)):
        _wait_for_dot(line, index)
        line.write(row.tobytes())
    text = b""
    while not text.endswith(b"\n"):
        text += _byte(line, f"an answer after {image.shape[1]} rows")
    found = re.fullmatch(rb"= (\d+)((?: -?\d+)+)\r?\n", text)
    if found is None:
        raise OwlbitError(f'expected "= CLASS SCORE SCORE ..." from the firmware, got {text[:80]!r}; is it built for this network?')
    return Answer(int(found[1]), np.array(found[2].split(), np.int32))


@contextmanager
def on_microbit(elf: Path) -> Iterator[Line]:
    """Runs firmware for a BBC micro:bit (Cortex-M0, 256 KiB of flash, 16 KiB of RAM) on QEMU and yields its serial line.

    Raises ToolMissing where QEMU is missing.
    """
    if shutil.which(QEMU) is None:
        raise ToolMissing(f"expected {QEMU}, found no such program; `apt install qemu-system-arm` brings it")
    command = [QEMU, "-M", "microbit", "-nographic", "-monitor", "none", "-serial", "stdio", "-kernel", str(elf)]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
    try:
        yield _Pipe(running)
    finally:
        running.kill()
        running.communicate()


class _Pipe:
    """The pipes of a process as a line."""

    def __init__(self, running: subprocess.Popen[bytes]) -> None:
        assert running.stdin is not None and running.stdout is not None
        self.read, self.write = running.stdout.read, running.stdin.write


def _byte(line: Line, expected: str) -> bytes:
    byte = line.read(1)
    if not byte:
        raise OwlbitError(f"expected {expected} from the firmware, got nothing; is it running, and built for this network?")
    return byte


def _wait_for_dot(line: Line, index: int) -> None:
    for _ in range(MOST_SKIPPED):
        byte = _byte(line, f"a dot that asks for row {index}")
        if byte == b".":
            return
        if index:
            raise OwlbitError(
                f"expected a dot that asks for row {index} from the firmware, got {byte!r}; its network has fewer rows"
            )
    raise OwlbitError(f"expected a dot that asks for row 0 from the firmware, got {MOST_SKIPPED} other bytes")
