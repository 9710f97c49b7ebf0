"""Crop and average against a plain loop over squares, for many sizes, and the rounding at a half."""

from __future__ import annotations

import numpy as np
import pytest

from owlbit.export.errors import OwlbitError
from owlbit.hw.up5k.camera_frame import crop_and_average


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns", "side", "top", "left"),
    [
        (240, 320, 96, 96, 2, 24, 64),
        (240, 320, 16, 16, 15, 0, 40),
        (240, 320, 32, 32, 7, 8, 48),
        (240, 320, 240, 320, 1, 0, 0),
        (7, 9, 2, 2, 3, 0, 1),
        (5, 5, 5, 2, 1, 0, 1),
    ],
)
def test_against_a_loop(height: int, width: int, rows: int, columns: int, side: int, top: int, left: int) -> None:
    picture = np.random.default_rng(height).integers(0, 256, (height, width), dtype=np.uint8)
    expected = np.zeros((rows, columns), np.uint8)
    for row in range(rows):
        for column in range(columns):
            square = picture[top + row * side :, left + column * side :][:side, :side]
            exact = sum(int(value) for value in square.reshape(-1)) / (side * side)
            expected[row, column] = int(np.floor(exact + 0.5))
    np.testing.assert_array_equal(crop_and_average(picture, rows, columns), expected)


def test_a_half_is_rounded_up() -> None:
    np.testing.assert_array_equal(crop_and_average(np.array([[0, 1], [0, 1]], np.uint8), 1, 1), [[1]])
    np.testing.assert_array_equal(crop_and_average(np.array([[0, 1], [0, 0]], np.uint8), 1, 1), [[0]])
    np.testing.assert_array_equal(crop_and_average(np.full((240, 320), 255, np.uint8), 7, 9), np.full((7, 9), 255))


def test_a_camera_with_too_few_pixels_is_refused() -> None:
    with pytest.raises(OwlbitError, match=r"expected a network of at most 240 rows and 320 columns, .* got 256 and 16"):
        crop_and_average(np.zeros((240, 320), np.uint8), 256, 16)
