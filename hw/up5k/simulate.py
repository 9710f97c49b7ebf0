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

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints, Network
from owlbit.hw.bench_files import pixel_bytes, read_scores
from owlbit.hw.up5k.bitstream.check_bitstream import check_bitstream
from owlbit.hw.up5k.bitstream.plan import BITSTREAM_BYTES, TOP, rtl_sources
from owlbit.hw.up5k.bitstream.unpack import DEFINES, unpack_bitstream
from owlbit.hw.verilator import verilate

BENCH = Path(__file__).parent / "bench.cpp"
MAX_CYCLES = 10**9


class ChipError(OwlbitError):
    """The simulated chip raised its error pin, or gave no scores in time."""


@dataclass(frozen=True)
class ChipRun:
    """What the chip gave and how long it took.

    `scores`: int32 [N, classes]. `boot_cycles`: from reset to ready for pixels. `latency_cycles`: from first pixel to last score of
    the first frame. `cycles_per_frame`: from a frame's last score to the next's, on average; with one frame, its latency.
    `seconds`: what the simulation took.
    """

    scores: Ints
    boot_cycles: int
    latency_cycles: int
    cycles_per_frame: int
    seconds: float


def simulate_rtl(
    flash: bytes, network: Network, images: NDArray[np.uint8], *, gap_seed: int = 0, cache: Path | None = None
) -> ChipRun:
    """Scores of uint8 images [N, C, H, W] by the chip's RTL under Verilator. `flash` is the flash content from address 0.

    `network` says the shapes of images and scores only. `gap_seed`: other than 0, pixels and scores pause at random.
    Raises ToolMissing without Verilator or a compiler, ChipError where the chip refuses the flash or gives no scores in time.
    """
    return run_chip(verilate(rtl_sources(), TOP, BENCH, cache=cache), flash, network, images, gap_seed)


def simulate_bitstream(
    flash: bytes,
    network: Network,
    images: NDArray[np.uint8],
    *,
    bitstream: Path | None = None,
    gap_seed: int = 0,
    cache: Path | None = None,
) -> ChipRun:
    """The same with the packed bitstream at the beginning of `flash`, unpacked to the logic cells, memories and wires that its bits
    configure; `bitstream`: a file with another one. Raises NoBitstreamError where `flash` begins with none that the chip takes."""
    if bitstream is not None:
        sources = unpack_bitstream(bitstream, cache)
    else:
        own = flash[:BITSTREAM_BYTES]
        check_bitstream(own, "flash image")
        with tempfile.TemporaryDirectory(prefix="owlbit-") as name:
            (Path(name) / "bitstream.bin").write_bytes(own)
            sources = unpack_bitstream(Path(name) / "bitstream.bin", cache)
    executable = verilate(sources, TOP, BENCH, defines=DEFINES, optimisation="-O1", cache=cache)
    return run_chip(executable, flash, network, images, gap_seed)


def run_chip(
    executable: Path,
    flash: bytes,
    network: Network,
    images: NDArray[np.uint8],
    gap_seed: int = 0,
    max_cycles: int = MAX_CYCLES,
    initial_seed: int | None = None,
) -> ChipRun:
    """The same with an executable already built from `bench.cpp`.

    `initial_seed`: registers and memories start with random bits from this seed, 1 or more, where the executable was verilated with
    RANDOM_INITIAL.
    """
    network.check_images(images)
    classes = network.classes
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="owlbit-") as name:
        folder = Path(name)
        (folder / "flash").write_bytes(flash)
        (folder / "pixels").write_bytes(pixel_bytes(images))
        arguments = [str(folder / "flash"), str(folder / "pixels"), str(len(images)), str(classes), str(folder / "scores")]
        start = [] if initial_seed is None else ["+verilator+rand+reset+2", f"+verilator+seed+{initial_seed}"]
        done = subprocess.run(
            [str(executable), *arguments, str(max_cycles), str(gap_seed), *start], capture_output=True, text=True, check=False
        )
        if done.returncode == 3:
            raise ChipError("the chip raised its error pin while booting: the flash holds no whole network; build it again")
        if done.returncode == 4:
            raise ChipError(f"the chip gave no scores within {max_cycles} cycles")
        if done.returncode != 0:
            raise ChipError(f"the bench ended with status {done.returncode}: {done.stderr.strip() or 'no message'}")
        scores = read_scores(folder / "scores", len(images), network)
    facts: dict[str, Any] = json.loads(done.stdout)
    latency = facts["last_score"][0] - facts["first_pixel"][0] + 1
    ends = facts["last_score"]
    return ChipRun(
        scores=scores,
        boot_cycles=facts["boot"],
        latency_cycles=latency,
        cycles_per_frame=round((ends[-1] - ends[0]) / (len(ends) - 1)) if len(ends) > 1 else latency,
        seconds=time.perf_counter() - started,
    )
