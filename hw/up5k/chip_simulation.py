"""Runs a board's whole chip under Verilator beside models of its flash, camera and host, which know nothing of its RTL.

The bench in `chip_bench` takes commands on its standard input and gives events on its standard output, in simulated time; the same
commands, options and seed give the same events.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.hw.up5k.bitstream.board_macros import board_macros
from owlbit.hw.up5k.bitstream.design import board_sources
from owlbit.hw.up5k.board import Board
from owlbit.hw.verilator import verilate

BENCH = Path(__file__).parent / "chip_bench" / "chip_bench.cpp"
TOP = "owl_chip"


class BenchError(OwlbitError):
    """The bench ended by itself: a wrong option or command, or the simulation failed."""


@dataclass(frozen=True)
class Event:
    """What happened at a simulated time.

    `kind`: byte (from the chip, in hex), pin (name and level of an output), i2c (a register read or written), camera and frame (the
    camera begins to stream, or a frame of that number), mark (the pixel at mark_row, mark_column of a frame is there), fault (the
    chip did what a real part does not allow), ready (a command is done).
    """

    time_us: float
    kind: str
    value: str


def board_executable(board: Board, *, cache: Path | None = None) -> Path:
    """The bench with the chip of a board, from its Verilog and the firmware of its control processor.

    Raises ToolMissing, ToolFailed as `verilate`.
    """
    return chip_executable(board_sources(board, cache), [*board_macros(board), "OWL_SIM"], cache=cache)


def chip_executable(
    sources: Sequence[Path], defines: Sequence[str], *, optimisation: str = "-O2", cache: Path | None = None
) -> Path:
    """The bench with any module owl_chip, such as that of an unpacked bitstream. Raises ToolMissing, ToolFailed as `verilate`."""
    options = ["--pins-inout-enables"]
    return verilate(sources, TOP, BENCH, defines=defines, options=options, optimisation=optimisation, cache=cache)


class ChipSimulation:
    """A chip that runs; time passes only in `run`. Use it as a context manager, or call `close`.

    flash: its content from address 0. pictures: uint8 [N, H, W], what the camera shows, again and again (244 x 324 for an HM01B0,
    240 x 320 for an OV7670). options: of the bench (see chip_bench.cpp), such as clock_khz, camera, seed.
    """

    def __init__(
        self,
        executable: Path,
        flash: bytes,
        *,
        pictures: NDArray[np.uint8] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.received = bytearray()  # from the chip, not yet taken
        self.time_us = 0.0
        self.waiting = 0  # bytes of the host that have not gone out yet
        self._folder = tempfile.TemporaryDirectory(prefix="owlbit-")
        self._bench = subprocess.Popen(
            [str(executable), *_arguments(Path(self._folder.name), flash, pictures, options or {})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the bench."""
        self._bench.communicate()
        self._folder.cleanup()

    def send(self, data: bytes) -> None:
        """Queues bytes of the host; they begin to go out at the next `run`."""
        if data:
            self.command(f"send {data.hex()}")

    def set(self, name: str, value: object) -> None:
        """Changes an option of the camera, such as stopped."""
        self.command(f"set {name} {value}")

    def run(self, microseconds: float, *, received: int = 0, wakes: int = 0) -> list[Event]:
        """Lets time pass, or less where so many further bytes came from the chip, or the wake pin rose so many times."""
        return self.command(f"run {microseconds} {received} {wakes}")

    def command(self, line: str) -> list[Event]:
        """Sends a command of the bench; returns the events until it is done. Raises BenchError where the bench ends."""
        assert self._bench.stdin and self._bench.stdout and self._bench.stderr
        try:
            self._bench.stdin.write(line + "\n")
            self._bench.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: its message follows
        first = len(self.events)
        for text in self._bench.stdout:
            time, kind, value = text.rstrip("\n").split(" ", 2)
            self.time_us = int(time) / 1e6
            if kind == "ready":
                self.waiting = int(value)
                return self.events[first:]
            self.events.append(Event(self.time_us, kind, value))
            if kind == "byte":
                self.received.append(int(value, 16))
        raise BenchError(f"the chip's bench ended: {self._bench.stderr.read().strip() or 'no message'}")

    def of_kind(self, kind: str) -> list[Event]:
        """All events of a kind so far."""
        return [event for event in self.events if event.kind == kind]

    def rises(self, pin: str) -> list[float]:
        """The times, us, at which an output of the chip rose."""
        return [event.time_us for event in self.of_kind("pin") if event.value == f"{pin} 1"]


@contextmanager
def chip_on_terminal(
    executable: Path, flash: bytes, *, pictures: NDArray[np.uint8] | None = None, options: Mapping[str, object] | None = None
) -> Iterator[str]:
    """The same chip on a pseudo-terminal; gives the name of its port. Simulated time runs as fast as the machine allows."""
    with tempfile.TemporaryDirectory(prefix="owlbit-") as name:
        arguments = _arguments(Path(name), flash, pictures, {**(options or {}), "pty": 1})
        bench = subprocess.Popen(
            [str(executable), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert bench.stdin and bench.stdout and bench.stderr
        try:
            for line in bench.stdout:
                if line.split(" ")[1] == "pty":
                    break
            else:
                raise BenchError(f"the chip's bench ended: {bench.stderr.read().strip() or 'no message'}")
            yield line.split(" ", 2)[2].strip()
        finally:
            bench.kill()
            bench.wait()


def _arguments(folder: Path, flash: bytes, pictures: NDArray[np.uint8] | None, options: Mapping[str, object]) -> list[str]:
    (folder / "flash").write_bytes(flash)
    files = [f"flash={folder / 'flash'}"]
    if pictures is not None:
        (folder / "pictures").write_bytes(np.ascontiguousarray(pictures).tobytes())
        files.append(f"pictures={folder / 'pictures'}")
    return [*files, *(f"{name}={value}" for name, value in options.items())]
