"""The files that benches of simulated circuits read and write: pixels in the order of a sensor, scores as they leave the port."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Ints, Network


def pixel_bytes(images: NDArray[np.uint8]) -> bytes:
    """Images, uint8 [N, C, H, W], frame by frame in the order row, column, colour."""
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)).tobytes()


def read_scores(file: Path, frames: int, network: Network) -> Ints:
    """Scores int32 [frames, classes] of `network` in a file of 16-bit two's complement, low byte first, frame by frame."""
    return np.fromfile(file, "<i2").reshape(frames, network.classes).astype(np.int32)
