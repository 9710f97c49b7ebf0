"""The C driver's Linux example, compiled to talk to a simulated chip over a pseudo-terminal."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from owlbit.hw.up5k import host

C = Path(host.__file__).parent / "c"
SLOW_CLOCK = Path(__file__).parents[1] / "hw" / "up5k" / "chip" / "slow_clock.c"  # the chip's time runs slower than the world's


def build_c_driver(folder: Path) -> Path:
    """The program; skips the test where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    program = folder / "owlbit_linux"
    sources = [C / "examples" / "linux" / "owlbit_linux.c", C / "owlbit_host.c", SLOW_CLOCK]
    options = ["-std=c99", "-O1", f"-I{C}", "-Wl,--wrap=clock_gettime"]
    subprocess.run([compiler, *options, *map(str, sources), "-o", str(program)], check=True)
    return program
