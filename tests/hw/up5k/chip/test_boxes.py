"""The chip's crop and box average against its Python reference, for every size of square; too short a picture is noticed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from owlbit.hw.up5k.bitstream.design import shell_sources
from owlbit.hw.up5k.camera_frame import crop_and_average, square_side
from owlbit.hw.verilator import missing_tools, verilate

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")
BENCH = Path(__file__).parent / "boxes_bench.cpp"


@pytest.fixture(scope="module")
def chip() -> Path:
    sources = [path for path in shell_sources() if path.stem in ("owl_boxes", "owl_sums")]
    return verilate(sources, "owl_boxes", BENCH)


def means(chip: Path, folder: Path, pictures: NDArray[np.uint8], rows: int, columns: int, clocks: int, lines: int = 0) -> list[str]:
    """What the circuit gives for pictures [N, H, W] with the settings of a whole picture of that width and `lines` or H lines."""
    _, height, width = pictures.shape
    height = lines or height
    k = square_side(height, width, rows, columns)
    left, top = (width - k * columns) // 2, (height - k * rows) // 2
    settings = (left, columns - 1 << 8 | rows - 1, k * k, top << 8 | k - 1)
    (folder / "pictures").write_bytes(pictures.tobytes())
    command = [str(chip), ",".join(map(str, settings)), str(folder / "pictures"), str(pictures.shape[1]), str(width), str(clocks)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()


# rows, columns, lines and columns of the picture, clocks of a pixel: sides 1 to 240, odd margins, the fastest pixels at side 1.
SIZES = [
    *((40, 60, 40, 60, 9), (40, 59, 43, 61, 10), (12, 11, 60, 90, 8), (96, 96, 240, 320, 8), (3, 5, 240, 320, 8)),
    *((1, 1, 240, 320, 8), (15, 20, 240, 320, 8), (14, 18, 240, 320, 8), (1, 256, 5, 300, 9), (200, 1, 240, 4, 9)),
]


@pytest.mark.parametrize(("rows", "columns", "height", "width", "clocks"), SIZES)
@pytest.mark.parametrize("fill", ["noise", "white"])
def test_the_same_means(
    chip: Path, tmp_path: Path, rows: int, columns: int, height: int, width: int, clocks: int, fill: str
) -> None:
    rng = np.random.default_rng(rows)
    pictures = rng.integers(0, 256, (2, height, width), np.uint8) if fill == "noise" else np.full((2, height, width), 255, np.uint8)
    given = means(chip, tmp_path, pictures, rows, columns, clocks)
    expected = np.stack([crop_and_average(picture, rows, columns) for picture in pictures])
    np.testing.assert_array_equal(np.array(given, int), expected.reshape(-1))


def test_pixels_faster_than_the_division_are_noticed(chip: Path, tmp_path: Path) -> None:
    assert "late" in means(chip, tmp_path, np.zeros((1, 20, 20), np.uint8), 20, 20, 8)


def test_a_picture_with_too_few_lines_is_noticed(chip: Path, tmp_path: Path) -> None:
    pictures = np.zeros((2, 20, 30), np.uint8)
    assert means(chip, tmp_path, pictures, 10, 10, 10, lines=30).count("broken") == 1  # at the second frame's start
