"""The C files of a network, compiled for this machine in a folder of a test; skips where there is no compiler."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from owlbit.export.network import Network
from owlbit.hw.c.build import CFiles, generate
from owlbit.hw.c.host import compile_host, run_host
from owlbit.hw.reference import simulate

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
# Every way to count bits, each with the flags that choose it.
COUNTS = {
    "tricks": ("-O1", "-DOWLBIT_POPCOUNT=3", "-DOWLBIT_LANES=1u"),
    "table": ("-O1", "-DOWLBIT_POPCOUNT=2", "-DOWLBIT_LANES=1u"),
    "builtin": ("-O1", "-DOWLBIT_POPCOUNT=1", "-DOWLBIT_WORD=32", "-DOWLBIT_LANES=1u"),
    "words of 64 bits": ("-O1", "-DOWLBIT_POPCOUNT=1", "-DOWLBIT_WORD=64", "-DOWLBIT_LANES=1u"),
    "lanes": ("-O1", "-DOWLBIT_POPCOUNT=1", "-DOWLBIT_LANES=5u"),
}
SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def assert_exact(network: Network, images: NDArray[np.uint8], folder: Path, flags: Sequence[str], name: str = "net") -> CFiles:
    """Compiles `network` in `folder`, and compares whole images and rows with the reference: scores, what ranks, and classes."""
    files = generate(network, name)
    files.write(folder)
    program = compile_host(folder, files.name, flags)
    expected = simulate(network, images)
    ranked = network.ranked(expected)
    for rows in (False, True):
        found = run_host(program, network, images, rows=rows)
        np.testing.assert_array_equal(found.scores, expected)
        np.testing.assert_array_equal(found.best, ranked.argmax(axis=1))
        if found.ranked is not None:
            np.testing.assert_array_equal(found.ranked, ranked.astype(np.float32))
    return files
