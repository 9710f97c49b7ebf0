"""The C files compiled for this machine and run as a program of their own: `owlbit verify`'s backend, and measured times."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints, Network
from owlbit.hw.c.build import generate
from owlbit.hw.c.build_folder import read_name
from owlbit.hw.external_tools import ToolMissing, run_tool

MAIN = Path(__file__).with_name("harness") / "host_main.c"
# What the C files must compile under without a word.
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
QUICK, FAST = ("-O2", "-march=native"), ("-O3", "-march=native")


@dataclass(frozen=True, eq=False)
class Results:
    """What the C code gives for each image: `scores` int32 [N, classes]; `ranked` float32 [N, classes] where there are factors,
    else None; `best` int64 [N]."""

    scores: Ints
    ranked: NDArray[np.float32] | None
    best: NDArray[np.int64]


def find_compiler() -> str:
    """The C compiler: $CC, else the first of gcc, clang and cc. Raises ToolMissing where there is none."""
    named = os.environ.get("CC")
    found = next((path for name in ((named,) if named else ("gcc", "clang", "cc")) if (path := shutil.which(name))), None)
    if found is None:
        raise ToolMissing(f"c: expected a C compiler, {named or 'gcc, clang or cc'}, found none; `apt install gcc` brings one")
    return found


def simulate(network: Network, images: NDArray[np.uint8], build: Path | None = None) -> Ints:
    """Scores int32 [N, classes] of uint8 [N, C, H, W] by the C files of the folder `build`, or by ones that are made for it.

    Raises ToolMissing without a compiler, OwlbitError where the files do not compile or `build` has none.
    """
    with TemporaryDirectory() as place:
        folder = Path(place)
        if build is None:
            files = generate(network, "network")
            files.write(folder)
            name = files.name
        else:
            name = read_name(build)
            for ending in (".h", ".c"):
                shutil.copy(build / f"{name}{ending}", folder)
        return run_host(compile_host(folder, name), network, images).scores


def compile_host(folder: Path, name: str, flags: Sequence[str] = QUICK) -> Path:
    """Compiles NAME.c in `folder` under `STRICT`, links it with the program around it, and returns that program.

    Raises ToolMissing without a compiler, ToolFailed with its first error.
    """
    compiler = find_compiler()
    defines = (f"-DHARNESS_NAME={name}", f"-DHARNESS_SIZES={name.upper()}", f'-DHARNESS_HEADER="{name}.h"', "-I.")
    ranks = ("-DHARNESS_RANKS",) if f"{name.upper()}_RANKS" in (folder / f"{name}.h").read_text(encoding="utf-8") else ()
    run_tool([compiler, *STRICT, *flags, "-c", f"{name}.c", "-o", f"{name}.o"], folder)
    run_tool([compiler, "-std=c99", *flags, *defines, *ranks, MAIN, f"{name}.o", "-o", f"{name}_host"], folder)
    return folder / f"{name}_host"


def run_host(program: Path, network: Network, images: NDArray[np.uint8], *, rows: bool = False) -> Results:
    """Runs a compiled program on uint8 [N, C, H, W]; `rows`: image by image in rows, as a camera gives them.

    Raises OwlbitError where the program ends in an error, with the first line that it prints.
    """
    network.check_images(images)
    ranks = network.score_factors is not None
    fields: list[tuple[Any, ...]] = [("scores", np.int32, (network.classes,))]
    fields += [("ranked", np.float32, (network.classes,))] if ranks else []
    record = np.dtype([*fields, ("best", np.uint32)])
    written = _run([program, *(["rows"] if rows else [])], images)
    if len(written) != len(images) * record.itemsize:
        raise OwlbitError(f"c: expected {len(images)} results of {record.itemsize} bytes, got {len(written)} bytes")
    found = np.frombuffer(written, record)
    return Results(found["scores"].copy(), found["ranked"].copy() if ranks else None, found["best"].astype(np.int64))


def seconds_per_image(program: Path, image: NDArray[np.uint8], runs: int) -> float:
    """Seconds of one run on uint8 [C, H, W], the fastest of `runs`."""
    return float(_run([program, str(runs)], image)) / 1e9


def instructions_per_image(program: Path, name: str, image: NDArray[np.uint8]) -> int:
    """The instructions of one call of NAME_run_in on uint8 [C, H, W], counted by valgrind, which knows no AVX-512.

    Raises ToolMissing without valgrind, OwlbitError where it does not tell a count.
    """
    if shutil.which("valgrind") is None:
        raise ToolMissing("c: expected valgrind, found no such program; `apt install valgrind` brings it")
    options = ("--callgrind-out-file=/dev/null", "--collect-atstart=no", f"--toggle-collect={name}_run_in")
    command = ["valgrind", "--tool=callgrind", *options, str(program)]
    done = subprocess.run(command, input=np.ascontiguousarray(image).tobytes(), capture_output=True, check=False)
    printed = done.stderr.decode(errors="replace")
    found = re.search(r"Collected : (\d+)", printed)
    if found is None:
        raise OwlbitError(f"c: expected a count of instructions from valgrind, got {printed.strip().splitlines()[-1:]}")
    return int(found[1])


def _run(command: Sequence[str | Path], images: NDArray[np.uint8]) -> bytes:
    done = subprocess.run(command, input=np.ascontiguousarray(images).tobytes(), capture_output=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        said = next((line for line in lines if "error" in line.lower()), lines[0] if lines else "it printed nothing")
        raise OwlbitError(f"c: the compiled network ended with status {done.returncode}: {said.strip()}")
    return done.stdout
