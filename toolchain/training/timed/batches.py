"""Batches without end, made on the device that trains, epoch after epoch.

The order of an epoch and what is drawn for its images travel to the device once, at its start: a copy of ordinary memory to a GPU
makes the host wait until the GPU has done all that it was given.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from owlbit.toolchain.data.dataset import Dataset
from owlbit.toolchain.training.augment import draw, vary
from owlbit.toolchain.training.timed.views import Views


class DeviceBatch(NamedTuple):
    """`images`: uint8 [N, C, H, W]; `labels`: int64 [N]; `logits`: the teacher's, float32 [N, classes], where a table has them."""

    images: Tensor
    labels: Tensor
    logits: Tensor | None


class ResidentImages:
    """The training images of `dataset`, and its extra ones, on `device`, whole.

    `table`: (views, logits float16 [V, N, classes]) of a teacher; images are then shown in these views alone.
    """

    def __init__(self, dataset: Dataset, device: torch.device, table: tuple[Views, Tensor] | None = None) -> None:
        self.dataset, self.device, self.table = dataset, device, table
        self.labels = torch.from_numpy(dataset.train.labels).to(device)
        self.extra = torch.empty(0)
        if dataset.extra is not None:
            self.labels = torch.cat([self.labels, torch.from_numpy(dataset.extra.labels).to(device)])
            self.extra = torch.from_numpy(dataset.extra.images).to(device)

    def batches(self, size: int, seed: int) -> Iterator[DeviceBatch]:
        """Batches of `size` images; order and variations depend on `seed` and the number of the epoch."""
        here, images = None, torch.empty(0)
        for epoch in itertools.count():
            generator = np.random.default_rng([seed, epoch])
            own = self.dataset.own_epoch(generator)
            if own is not here:  # a data set that draws its images anew has others in each epoch
                here, images = own, torch.from_numpy(own.images).to(self.device)
                if len(self.extra):
                    images = torch.cat([images, self.extra])
            shown = torch.arange(len(own))
            if len(self.extra):
                shown = torch.cat([shown, len(own) + torch.from_numpy(self.dataset.draw_extra(generator))])
            count, colours = len(shown), images.shape[1]
            order = torch.from_numpy(generator.permutation(count)).to(self.device)
            shown = shown.to(self.device)
            if self.table is None:
                draws = draw(self.dataset.variations, count, generator, colours).to(self.device)
            else:
                views, logits = self.table
                numbers = torch.from_numpy(generator.integers(0, len(views), count))
                draws, numbers = views.draws(numbers).to(self.device), numbers.to(self.device)
            for rows in itertools.takewhile(lambda rows: len(rows) == size, torch.split(order, size)):
                places = shown[rows]
                seen = vary(images[places], draws.of(rows), int(generator.integers(0, 2**63)))
                known = None if self.table is None else logits[numbers[rows], places].float()
                yield DeviceBatch(seen, self.labels[places], known)
