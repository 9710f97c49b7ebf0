"""Scenes from day to dark: the tone distortion of a sensor that gets too little light, on uint8 images. Imports no torch.

With darkness d in 0..1, a pixel x becomes (ours)

    round(255 (1 - 0.6 d) (x / 255)^(1 + 2 d) + 2 d e),        e ~ N(0, 1) for every pixel, clipped to 0..255.

At d = 0 images do not change. At d = 1 it is 0.4 (x / 255)^3 of the range: what was middle grey is at 13 of 255.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from owlbit.toolchain.data.dataset import Images

Curves = NDArray[np.float32]

GAIN_LOST, GAMMA_GAINED, NOISE = 0.6, 2.0, 2.0
CHUNK = 1024  # images at once: their float32 copy stays small


def darkness(light: str, count: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """d of `count` images, float32 [N]: 0 by "day", 1 in the "dark", drawn evenly from 0..1 for each image if "mixed"."""
    if light == "mixed":
        return generator.random(count, dtype=np.float32)
    return np.full(count, light == "dark", dtype=np.float32)


def tone_curves(dark: NDArray[np.float32]) -> Curves:
    """Grey level, float32 [N, 256], that each grey level is seen at under darkness `dark`, float32 [N], before noise."""
    shares = np.arange(256, dtype=np.float32) / 255
    curves: Curves = 255 * (1 - GAIN_LOST * dark[:, None]) * shares ** (1 + GAMMA_GAINED * dark[:, None])
    return curves


def under_light(images: Images, light: str, generator: np.random.Generator) -> Images:
    """`images`, uint8 [N, C, H, W], as seen under `light`, one of `LIGHTS`; every draw from `generator`, none by "day"."""
    if light == "day":
        return images
    dark = darkness(light, len(images), generator)
    curves = tone_curves(dark)
    seen = np.empty_like(images)
    for start in range(0, len(images), CHUNK):
        rows = slice(start, start + CHUNK)
        pixels = images[rows].reshape(len(images[rows]), -1)
        noise = NOISE * dark[rows, None] * generator.standard_normal(pixels.shape, dtype=np.float32)
        values = np.take_along_axis(curves[rows], pixels.astype(np.int64), axis=1) + noise
        seen[rows] = np.clip(np.rint(values), 0, 255).reshape(images[rows].shape)
    return seen
