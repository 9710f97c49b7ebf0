"""Sets of labelled images as uint8 arrays, and how they are split. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


class DataError(OwlbitError):
    """Images or labels that cannot be used: names the file or class."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """`images`: uint8 [N, C, H, W]; `labels`: int64 [N], indices of the class names."""

    images: Images
    labels: Labels

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise ValueError(f"expected uint8 images [N, C, H, W], got {self.images.dtype} {list(self.images.shape)}")
        if self.labels.shape != self.images.shape[:1]:
            raise ValueError(f"expected {len(self.images)} labels, got {list(self.labels.shape)}")

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: NDArray[np.int64]) -> Labelled:
        """The images at `indices`, in that order."""
        return Labelled(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Variations:
    """How a training image differs from epoch to epoch.

    `flip`: mirrored left to right or not; `shift`: moved by up to so many pixels; `light`: of `owlbit.toolchain.data.illumination`;
    `zoom`: (low, high), the window that is seen has so many times the side of the image, (1, 1) for none; `exposure`: pixels times
    a factor of exp(-exposure) to exp(exposure); `tint`: the same for each colour by itself; `cutout`: side in pixels of a gray
    square that hides a part, 0 for none.
    """

    flip: bool = False
    shift: int = 0
    light: str = "day"
    zoom: tuple[float, float] = (1.0, 1.0)
    exposure: float = 0.0
    tint: float = 0.0
    cutout: int = 0


@dataclass(frozen=True, eq=False)
class Dataset:
    """What a network is trained and judged on.

    `train`, `validation`, `test`: as they are seen under the light of the recipe, which is drawn once; `test` is None where there
    is none. `clean_train`: the images of `train`, in its order, before that light: what an epoch's `variations` begin with.
    `draw_train(generator)`: where the images are made up, those of an epoch in place of `clean_train`, as many and in its order.
    `skipped`: a line for each picture that was left out because it cannot be used. `extra`: images of another set, of which
    `extra_per_epoch` are drawn for an epoch, to train on beside those of `train`; None where there are none, or they were not read.
    """

    train: Labelled
    validation: Labelled
    test: Labelled | None
    class_names: tuple[str, ...]
    clean_train: Labelled
    variations: Variations = Variations()
    draw_train: Callable[[np.random.Generator], Labelled] | None = None
    skipped: tuple[str, ...] = ()
    extra: Labelled | None = None
    extra_per_epoch: int = 0

    @property
    def images_per_epoch(self) -> int:
        """Images that an epoch trains on."""
        return len(self.train) + self.extra_per_epoch

    def epoch(self, generator: np.random.Generator) -> Labelled:
        """The `images_per_epoch` images that an epoch's `variations` begin with, those of `train` first.

        Only images that are made up, and extra ones, are drawn from `generator`.
        """
        own = self.own_epoch(generator)
        if self.extra is None:
            return own
        drawn = self.extra.take(self.draw_extra(generator))
        return Labelled(np.concatenate([own.images, drawn.images]), np.concatenate([own.labels, drawn.labels]))

    def own_epoch(self, generator: np.random.Generator) -> Labelled:
        """Those of an epoch without the extra ones."""
        return self.clean_train if self.draw_train is None else self.draw_train(generator)

    def draw_extra(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Indices into `extra`, int64 [extra_per_epoch], for an epoch: all different where there are as many."""
        count = 0 if self.extra is None else len(self.extra)
        return generator.choice(count, self.extra_per_epoch, replace=self.extra_per_epoch > count)

    @property
    def held_out(self) -> Labelled:
        """The test images, or the validation images where none are kept back for testing."""
        return self.validation if self.test is None else self.test


def stratified_split(labels: Labels, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices (kept, split off): of every class the nearest whole number to `share`, but at least one image on either side.

    Depends on `labels`, `share` and `seed` alone; what a smaller share splits off is part of what a larger one does.
    Raises ValueError for a class of one image.
    """
    generator = np.random.default_rng(seed)
    kept, off = [], []
    for label in np.unique(labels).tolist():
        indices = generator.permutation(np.flatnonzero(np.equal(labels, label)))
        if len(indices) < 2:
            raise ValueError(f"expected at least 2 images of class {label}, got 1")
        count = int(np.clip(round(share * len(indices)), 1, len(indices) - 1))
        off.append(indices[:count])
        kept.append(indices[count:])
    return np.sort(np.concatenate(kept)), np.sort(np.concatenate(off))
