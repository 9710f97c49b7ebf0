"""Runs a pipeline's RTL under Verilator: its scores and its cycles."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints, Network
from owlbit.hw.bench_files import pixel_bytes, read_scores
from owlbit.hw.ecp5.dataflow.generate import generate
from owlbit.hw.ecp5.dataflow.plan import plan_dataflow
from owlbit.hw.ecp5.folding_file import Folding
from owlbit.hw.verilator import verilate

BENCH = Path(__file__).parent / "bench.cpp"
MAX_CYCLES = 10**9


class DataflowError(OwlbitError):
    """The simulated circuit gave no scores in time."""


@dataclass(frozen=True)
class DataflowRun:
    """What the circuit gave. `scores`: int32 [N, classes]; `latency_cycles`: from the first pixel to the last score of the first
    frame; `ends`: the cycle of each frame's last score."""

    scores: Ints
    latency_cycles: int
    ends: tuple[int, ...]

    @property
    def cycles_per_frame(self) -> int:
        """From the last frame's last score but one to the last's; with one frame, its latency."""
        return self.ends[-1] - self.ends[-2] if len(self.ends) > 1 else self.latency_cycles


def simulate_dataflow(
    network: Network, folding: Folding, images: NDArray[np.uint8], *, gap_seed: int = 0, cache: Path | None = None
) -> tuple[Ints, int]:
    """Scores int32 [N, classes] of uint8 images [N, C, H, W] by the pipeline's RTL, and its cycles per frame.

    `gap_seed`: other than 0, pixels and scores pause at random. Raises what `plan_dataflow` does, ToolMissing without Verilator or
    a compiler, DataflowError where no scores come.
    """
    with tempfile.TemporaryDirectory(prefix="owlbit-") as name:
        generated = generate(plan_dataflow(network, folding), Path(name))
        executable = verilate(generated.sources, generated.top, BENCH, cache=cache)
        run = run_dataflow(executable, Path(name), network, images, gap_seed)
    return run.scores, run.cycles_per_frame


def run_dataflow(
    executable: Path, folder: Path, network: Network, images: NDArray[np.uint8], gap_seed: int = 0, max_cycles: int = MAX_CYCLES
) -> DataflowRun:
    """The same with an executable already built from `bench.cpp`, in `folder` with the ROMs' files."""
    network.check_images(images)
    with tempfile.TemporaryDirectory(prefix="owlbit-") as name:
        pixels, scores = Path(name) / "pixels", Path(name) / "scores"
        pixels.write_bytes(pixel_bytes(images))
        arguments = [str(pixels), str(len(images)), str(network.classes), str(scores), str(max_cycles), str(gap_seed)]
        done = subprocess.run([str(executable), *arguments], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode == 4:
            raise DataflowError(f"the circuit gave no scores within {max_cycles} cycles")
        if done.returncode != 0:
            raise DataflowError(f"the bench ended with status {done.returncode}: {done.stderr.strip() or 'no message'}")
        given = read_scores(scores, len(images), network)
    facts = json.loads(done.stdout)
    return DataflowRun(given, facts["ends"][0] - facts["first_pixel"] + 1, tuple(facts["ends"]))
