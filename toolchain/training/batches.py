"""The batches of an epoch, the same for the same seed and epoch, and each process's share of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from owlbit.toolchain.data.dataset import Dataset, Labelled
from owlbit.toolchain.recipes.training import Training
from owlbit.toolchain.training.augment import draw, vary

CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Batch:
    """`images`: uint8 [N, C, H, W] and `labels`: int64 [N], on the device that computes; `index`: int64 [N], on the CPU, the place
    of each image in the set that it is of."""

    images: Tensor
    labels: Tensor
    index: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Batch:
        """The same batch, to be computed on `device`. Lightning asks for it too."""
        return Batch(self.images.to(device), self.labels.to(device), self.index)

    def part(self, rows: slice) -> Batch:
        """Those of its images at `rows`."""
        return Batch(self.images[rows], self.labels[rows], self.index[rows])


class Batches:
    """`labelled` cut into batches of `size`, in its order, on `device`."""

    def __init__(self, labelled: Labelled, size: int, device: torch.device = CPU) -> None:
        self.images, self.labels = torch.from_numpy(labelled.images), torch.from_numpy(labelled.labels)
        self.size, self.device = size, device

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.size)

    def __iter__(self) -> Iterator[Batch]:
        for index in torch.split(torch.arange(len(self.labels)), self.size):
            rows = slice(int(index[0]), int(index[-1]) + 1)
            yield Batch(self.images[rows], self.labels[rows], index).to(self.device)


class EpochBatches:
    """The training batches of epoch number `epoch`, from 0, varied on `device`: the same for the same seed and epoch.

    `part`: (index, number) of the processes that share each batch evenly. What does not fill the last batch is left out.
    """

    def __init__(
        self,
        dataset: Dataset,
        training: Training,
        epoch: int,
        *,
        part: tuple[int, int] = (0, 1),
        device: torch.device = CPU,
    ) -> None:
        generator = np.random.default_rng([training.seed, epoch])
        labelled = dataset.epoch(generator)
        self.images, self.labels = torch.from_numpy(labelled.images), torch.from_numpy(labelled.labels)
        self.order = torch.from_numpy(generator.permutation(len(labelled)))
        self.draws = draw(dataset.variations, len(labelled), generator, labelled.images.shape[1])
        self.noise_seeds = generator.integers(0, 2**63, steps_per_epoch(dataset, training)).tolist()
        self.size, self.device = training.batch, device
        self.share = slice(part[0] * self.size // part[1], (part[0] + 1) * self.size // part[1])

    def __len__(self) -> int:
        return len(self.noise_seeds)

    def __iter__(self) -> Iterator[Batch]:
        for index, noise_seed in zip(torch.split(self.order, self.size), self.noise_seeds, strict=False):  # the rest is left out
            # The whole batch is varied before it is shared, so that the draws are those of one process.
            images = vary(self.images[index].to(self.device), self.draws.of(index), noise_seed)
            yield Batch(images, self.labels[index], index).part(self.share).to(self.device)


def steps_per_epoch(dataset: Dataset, training: Training) -> int:
    """Batches in an epoch."""
    return max(1, dataset.images_per_epoch // training.batch)
