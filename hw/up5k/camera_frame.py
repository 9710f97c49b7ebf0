"""From a camera's picture to the network's frame, as the chip does it: crop to the centre, then the mean of squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError


def square_side(height: int, width: int, rows: int, columns: int) -> int:
    """k: the side of the squares of pixels that make one pixel of the network.

    Raises OwlbitError where the picture has fewer pixels than the network wants.
    """
    side = min(height // rows, width // columns)
    if side == 0:
        raise OwlbitError(
            f"expected a network of at most {height} rows and {width} columns, the camera's picture, got {rows} and {columns}"
        )
    return side


def crop_and_average(picture: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """The frame uint8 [rows, columns] of a picture uint8 [H, W]: means of k x k squares of the largest centred window.

    k = min(W // columns, H // rows). A mean is rounded half up: floor((sum + k*k // 2) / (k*k)). Raises OwlbitError for k = 0.
    """
    height, width = picture.shape
    side = square_side(height, width, rows, columns)
    top, left = (height - side * rows) // 2, (width - side * columns) // 2
    window = picture[top : top + side * rows, left : left + side * columns].astype(np.int64)
    sums = window.reshape(rows, side, columns, side).sum((1, 3))
    frame: NDArray[np.uint8] = ((sums + side * side // 2) // (side * side)).astype(np.uint8)
    return frame
