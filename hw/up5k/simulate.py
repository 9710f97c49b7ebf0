"""Runs a flash image on the simulated chip: its RTL, or the packed bitstream turned back into gates; the same bench for both."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.errors import OwlbitError
from export.network import Ints
from hw.up5k.verilate import verilate

HERE = Path(__file__).parent
BENCH = HERE / "bench.cpp"
TOP = "owlbit_up5k"


class ChipError(OwlbitError):
    """The simulated chip raised its error pin, or gave no scores in time."""


@dataclass(frozen=True)
class ChipRun:
    """`scores`: int32 [N, classes]. `boot_cycles`: from reset to ready for pixels. `latency_cycles`: first pixel to last score of the
    first frame. `cycles_per_frame`: from a frame's last score to the next's, on average; with one frame, its latency.
    `seconds`: the simulation took."""

    scores: Ints
    boot_cycles: int
    latency_cycles: int
    cycles_per_frame: int
    seconds: float


def rtl_sources() -> list[Path]:
    """The Verilog files of the chip, sorted by name."""
    return sorted((HERE / "rtl").glob("*.v"))


def simulate_rtl(
    flash: bytes, images: NDArray[np.uint8], classes: int, *, max_cycles: int = 10**9, gap_seed: int = 0, cache: Path | None = None
) -> ChipRun:
    """Scores of uint8 images [N, C, H, W] by the chip's RTL under Verilator. `flash` is the flash content from address 0.

    `gap_seed`: other than 0, pixels and scores pause at random. Raises ToolMissing without Verilator or a compiler, ChipError where
    the chip refuses the flash or gives no scores within `max_cycles`.
    """
    return run_chip(verilate(rtl_sources(), TOP, BENCH, cache=cache), flash, images, classes, max_cycles, gap_seed)


def run_chip(
    executable: Path, flash: bytes, images: NDArray[np.uint8], classes: int, max_cycles: int = 10**9, gap_seed: int = 0
) -> ChipRun:
    """The same with an executable already built from `bench.cpp`."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="owlbit-") as name:
        folder = Path(name)
        (folder / "flash").write_bytes(flash)
        (folder / "pixels").write_bytes(np.ascontiguousarray(images.transpose(0, 2, 3, 1)).tobytes())
        arguments = [str(folder / "flash"), str(folder / "pixels"), str(len(images)), str(classes), str(folder / "scores")]
        done = subprocess.run(
            [str(executable), *arguments, str(max_cycles), str(gap_seed)], capture_output=True, text=True, check=False
        )
        if done.returncode == 3:
            raise ChipError("the chip raised its error pin while booting: the flash holds no whole network; build it again")
        if done.returncode == 4:
            raise ChipError(f"the chip gave no scores within {max_cycles} cycles")
        if done.returncode != 0:
            raise ChipError(f"the bench ended with status {done.returncode}: {done.stderr.strip() or 'no message'}")
        raw = np.fromfile(folder / "scores", "<i2").reshape(len(images), classes)
    facts: dict[str, Any] = json.loads(done.stdout)
    latency = facts["last_score"][0] - facts["first_pixel"][0] + 1
    ends = facts["last_score"]
    return ChipRun(
        scores=raw.astype(np.int32),
        boot_cycles=facts["boot"],
        latency_cycles=latency,
        cycles_per_frame=round((ends[-1] - ends[0]) / (len(ends) - 1)) if len(ends) > 1 else latency,
        seconds=time.perf_counter() - started,
    )
