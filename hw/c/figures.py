"""Flash, memory and instructions per frame of networks in C on five processors: `python -m owlbit.hw.c.figures MODEL...`.

Microcontrollers are QEMU's, see `machines.py`. On x86-64 valgrind counts the instructions of one call. Every count comes from a run
whose scores were compared with the integer reference.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import load_model
from owlbit.export.network import Ints, Network
from owlbit.hw import reference
from owlbit.hw.c.build import CFiles, generate
from owlbit.hw.c.host import compile_host, run_host
from owlbit.hw.c.machines import MACHINES, code_size, run_on
from owlbit.hw.external_tools import ToolMissing

PROCESSORS = ("m0", "m4", "rv32", "rv32-zbb")
FLAGS = ("-O2",)
HOST_FLAGS = ("-O2", "-march=x86-64-v2")  # the oldest x86-64 with a popcount instruction


@dataclass(frozen=True)
class Figures:
    """Of one network: bytes of `code` and of `weights` and thresholds in flash on Cortex-M0+, `memory` bytes of its arena, and the
    instructions per frame by processor: the names of `PROCESSORS` and "x86-64"."""

    code: int
    weights: int
    memory: int
    instructions: dict[str, int]


def measure(network: Network) -> Figures:
    """Compiles and runs the C files of `network` on every processor.

    Raises ToolMissing without a compiler, QEMU or valgrind, OwlbitError where a score differs from the reference's.
    """
    files = generate(network, "network")
    images = np.random.default_rng(0).integers(0, 256, (1, *network.input_shape), dtype=np.uint8)
    expected = reference.simulate(network, images)
    instructions = {}
    with TemporaryDirectory() as place:
        folder = Path(place)
        size = code_size(MACHINES["m0"], files, folder, FLAGS)
        for key in PROCESSORS:
            counted = run_on(MACHINES[key], files, network, images, folder, FLAGS)
            _compare(MACHINES[key].name, counted.scores, expected)
            instructions[key] = counted.instructions[0]
        program = compile_host(folder, files.name, HOST_FLAGS)
        _compare("x86-64", run_host(program, network, images).scores, expected)
        instructions["x86-64"] = _count_on_host(program, files, images.tobytes(), folder)
    return Figures(size.code, size.weights, size.static, instructions)


def table(rows: Sequence[tuple[str, Figures]]) -> str:
    """The figures as a table in Markdown."""
    heads = ["network", "flash", "of it code", "RAM", *(MACHINES[key].name for key in PROCESSORS), "x86-64"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, each in rows:
        sizes = [f"{each.code + each.weights:,} B", f"{each.code:,} B", f"{each.memory:,} B"]
        counts = [f"{each.instructions[key] / 1e6:.2f} million" for key in (*PROCESSORS, "x86-64")]
        lines.append(f"| {' | '.join([name, *sizes, *counts])} |")
    return "\n".join(lines)


def _compare(where: str, scores: Ints, expected: Ints) -> None:
    if not np.array_equal(scores, expected):
        raise OwlbitError(f"c: the scores on {where} differ from the reference's; please report it with the network")


def _count_on_host(program: Path, files: CFiles, image: bytes, folder: Path) -> int:
    """The instructions of one call of NAME_run_in, by valgrind's callgrind."""
    if shutil.which("valgrind") is None:
        raise ToolMissing("c: expected valgrind, found no such program; `apt install valgrind` brings it")
    call = f"--toggle-collect={files.name}_run_in"
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=calls", "--collect-atstart=no", call, str(program)]
    done = subprocess.run(command, input=image, cwd=folder, capture_output=True, check=False)
    printed = done.stderr.decode(errors="replace")
    found = re.search(r"Collected : (\d+)", printed)
    if found is None:
        raise OwlbitError(f"c: expected a count of instructions from valgrind, got {printed.strip().splitlines()[-1:]}")
    return int(found[1])


def main(models: Sequence[str]) -> int:
    """Measures each model, a QONNX file or network.npz, and prints the table. Returns the exit code."""
    if not models:
        print("owlbit: expected files of networks; use: python -m owlbit.hw.c.figures MODEL...", file=sys.stderr)
        return 2
    try:
        print(table([(Path(model).parent.name, measure(load_model(Path(model)))) for model in models]))
    except OwlbitError as error:
        print(f"owlbit: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
