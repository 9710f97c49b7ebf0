"""Made-up frames for networks of which no images are at hand."""

from __future__ import annotations

import numpy as np

from owlbit.toolchain.data.dataset import Images


def make_frames(shape: tuple[int, int, int], count: int, seed: int = 0) -> Images:
    """uint8 [count, C, H, W]: slanted ramps under blocky texture at many exposures, so thresholds at any level see both sides."""
    draw = np.random.default_rng(seed)
    channels, height, width = shape
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    slope = draw.uniform(-60, 60, (2, count, channels, 1, 1))
    texture = draw.normal(0, 50, (count, channels, (height + 1) // 2, (width + 1) // 2)).repeat(2, 2).repeat(2, 3)
    level = draw.uniform(0, 255, (count, 1, 1, 1))
    frames = level + slope[0] * rows + slope[1] * columns + texture[:, :, :height, :width]
    clipped: Images = np.clip(frames, 0, 255).astype(np.uint8)
    return clipped
