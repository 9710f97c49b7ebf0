"""The embedded data set: handwritten digits, seen as a small sensor would see them. Needs no download, and no torch.

The 1,797 originals are 8x8 with 17 grey levels: the test part of "Optical Recognition of Handwritten Digits" by E. Alpaydin and
C. Kaynak (1998), UCI Machine Learning Repository, doi 10.24432/C50P49, licensed under CC BY 4.0, in the order that scikit-learn has
too. `digits.npz` holds them unchanged. `sensor_frames` renders one at a random position, angle and size, under a random exposure,
offset and gamma, with noise. The last 500 originals are the test set: four fixed renderings each. Neither training nor the choice
of an epoch ever sees them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.toolchain.data.dataset import Dataset, Images, Labelled, Labels, stratified_split

TEST_ORIGINALS = 500
DIGITS = Path(__file__).with_suffix(".npz")
RENDERINGS = 4  # of every validation and test original
SLANT, STRETCH = 0.2, 0.2  # of training frames only: stand-ins for the hands of other writers
SPLIT_SEED, VALIDATION_SEED, TEST_SEED = 1, 2, 4242

Floats = NDArray[np.float32]
Positions = NDArray[np.floating[Any]]


@cache
def originals() -> tuple[Floats, Labels]:
    """(float32 [1797, 8, 8] in 0..1, int64 [1797]): what scikit-learn's `load_digits` gives."""
    with np.load(DIGITS, allow_pickle=False) as arrays:
        return arrays["pictures"].astype(np.float32) / 16, arrays["labels"].astype(np.int64)


def sensor_frames(
    pictures: Floats, size: tuple[int, int], generator: np.random.Generator, *, slant: float = 0.0, stretch: float = 0.0
) -> Images:
    """Renders `pictures`, float32 [N, 8, 8] in 0..1, once each: uint8 [N, 1, *size], every draw from `generator`.

    `slant`: up to so much is a digit sheared to either side; `stretch`: by up to this share width and height differ.
    """
    count = len(pictures)

    def uniform(low: float, high: float) -> Floats:
        return generator.uniform(low, high, (count, 1, 1)).astype(np.float32)

    angle, zoom, shear, ratio = uniform(-0.2, 0.2), uniform(0.9, 1.15), uniform(-slant, slant), uniform(1 - stretch, 1 + stretch)
    # Where in the original, -1 to 1 over it, the frame's pixel (x, y), -1 to 1 over the frame, looks.
    y = ((np.arange(size[0], dtype=np.float32) * 2 + 1) / size[0] - 1)[None, :, None]
    x = ((np.arange(size[1], dtype=np.float32) * 2 + 1) / size[1] - 1)[None, None, :]
    sheared, stretched = zoom * (x + shear * y), zoom * ratio * y
    cosine, sine = np.cos(angle), np.sin(angle)
    right, down = uniform(-0.12, 0.12), uniform(-0.12, 0.12)
    light = _sample(pictures, cosine * sheared - sine * stretched + right, sine * sheared + cosine * stretched + down)
    contrast = uniform(0.25, 1.0)
    offset = uniform(0.0, 0.8) * (1 - contrast)
    gamma = np.exp(uniform(-0.5, 0.5))
    frames = offset + contrast * light**gamma + 0.02 * generator.standard_normal(light.shape, dtype=np.float32)
    rounded: Images = np.clip(np.rint(frames * 255), 0, 255).astype(np.uint8)[:, None]
    return rounded


def _sample(pictures: Floats, x: Positions, y: Positions) -> Floats:
    """Bilinear samples of `pictures` at x and y, each [N, H, W], -1 to 1 over a picture; black outside."""
    count, rows, columns = pictures.shape
    x, y = (x + 1) * columns / 2 - 0.5, (y + 1) * rows / 2 - 0.5
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fraction_x, fraction_y = x - left, y - top
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)))

    def at(row: NDArray[np.int64], column: NDArray[np.int64]) -> Floats:
        picture = np.arange(count)[:, None, None]
        values: Floats = padded[picture, np.clip(row + 1, 0, rows + 1), np.clip(column + 1, 0, columns + 1)]
        return values

    upper = at(top, left) * (1 - fraction_x) + at(top, left + 1) * fraction_x
    lower = at(top + 1, left) * (1 - fraction_x) + at(top + 1, left + 1) * fraction_x
    sampled: Floats = (upper * (1 - fraction_y) + lower * fraction_y).astype(np.float32)
    return np.clip(sampled, 0, 1)


def fixed_frames(pictures: Floats, labels: Labels, size: tuple[int, int], seed: int) -> Labelled:
    """`RENDERINGS` frames of every picture, the same on every call."""
    generator = np.random.default_rng(seed)
    return Labelled(
        np.concatenate([sensor_frames(pictures, size, generator) for _ in range(RENDERINGS)]), np.tile(labels, RENDERINGS)
    )


def held_out_frames(size: tuple[int, int]) -> Labelled:
    """The test set: 2,000 frames uint8 [2000, 1, *size] of the last 500 originals."""
    pictures, labels = originals()
    return fixed_frames(pictures[-TEST_ORIGINALS:], labels[-TEST_ORIGINALS:], size, TEST_SEED)


def digits_dataset(size: tuple[int, int] = (16, 16), validation: float = 0.15) -> Dataset:
    """Training, validation and test frames of `size`; every epoch renders the training originals afresh."""
    pictures, labels = originals()
    pictures, labels = pictures[:-TEST_ORIGINALS], labels[:-TEST_ORIGINALS]
    kept, off = stratified_split(labels, validation, SPLIT_SEED)

    def draw(generator: np.random.Generator) -> Labelled:
        return Labelled(sensor_frames(pictures[kept], size, generator, slant=SLANT, stretch=STRETCH), labels[kept])

    train = draw(np.random.default_rng(SPLIT_SEED))
    return Dataset(
        train=train,
        validation=fixed_frames(pictures[off], labels[off], size, VALIDATION_SEED),
        test=held_out_frames(size),
        class_names=tuple(str(digit) for digit in range(10)),
        clean_train=train,
        draw_train=draw,
    )
