"""Random networks in the spellings of other tools rank as QONNX's executor ranks them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from owlbit.export.qonnx.execute import execute_file, execute_values
from owlbit.export.qonnx.read import QonnxError, read_model
from owlbit.hw.reference import simulate
from random_spellings import random_spelling

# A few of the random networks are no networks of XNOR, OR and thresholds: an AND over a window, a pruned class alone.
REFUSALS = ("expected inputs of one scale", "expected scores that float32 tells apart", "needs the complement of channel")


def check(seed: int, path: Path, images: int = 3) -> str:
    """Reads and runs one file; what became of it: exact, told (of rounding) or refused."""
    rng = np.random.default_rng(seed)
    made = random_spelling(rng, path)
    try:
        read = read_model(path, made.input_range)
    except QonnxError as error:
        assert any(words in str(error) for words in REFUSALS), f"seed {seed}, {made.words}: {error}"
        return "refused"
    network = read.network
    ends = np.sort(rng.integers(0, 256, (2, images, 1, 1, 1)), axis=0)
    pixels = (ends[0] + rng.random((images, *network.input_shape)) * (ends[1] - ends[0])).astype(np.uint8)
    ranked = network.ranked(simulate(network, pixels))
    if any("rounding" in note for note in network.notes):
        return "told"
    floats = execute_values(path, read.file_inputs(pixels))
    right = floats[:, 0] > 0.5 if made.outputs == 1 else floats.argmax(1)
    np.testing.assert_array_equal(ranked.argmax(1), right, err_msg=f"seed {seed}, {made.words}")
    np.testing.assert_array_equal(ranked[:1], execute_file(path, pixels[:1], made.input_range).values, err_msg=f"seed {seed}")
    return "exact"


def test_random_spellings(path: Path) -> None:
    found = [check(seed, path) for seed in range(20)]
    assert found.count("exact") >= 16


@pytest.mark.slow
def test_a_thousand_random_spellings(path: Path) -> None:
    found = [check(seed, path) for seed in range(1000, 2000)]
    assert found.count("exact") >= 900
