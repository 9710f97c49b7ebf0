"""The batches of an epoch, the same for the same seed and epoch, and each process's share of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from owlbit.toolchain.data.dataset import Dataset, Labelled
from owlbit.toolchain.recipes.training import Training
from owlbit.toolchain.training.augment import draw, vary

# Images, labels and, where a teacher has looked at the images before, its logits.
Batch = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]
CPU = torch.device("cpu")


class Batches:
    """`labelled` cut into batches of `size`, in its order, on `device`."""

    def __init__(self, labelled: Labelled, size: int, device: torch.device = CPU) -> None:
        self.images, self.labels = torch.from_numpy(labelled.images), torch.from_numpy(labelled.labels)
        self.size, self.device = size, device

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.size)

    def __iter__(self) -> Iterator[Batch]:
        for images, labels in zip(torch.split(self.images, self.size), torch.split(self.labels, self.size), strict=True):
            yield images.to(self.device), labels.to(self.device)


class EpochBatches:
    """The training batches of epoch number `epoch`, from 0, varied on `device`: the same for the same seed and epoch.

    `soft`: logits float32 [N, classes] of the training images, in their order, if a teacher has looked at them; `part`: (index,
    number) of the processes that share each batch evenly. What does not fill the last batch is left out.
    """

    def __init__(
        self,
        dataset: Dataset,
        training: Training,
        epoch: int,
        *,
        soft: Tensor | None = None,
        part: tuple[int, int] = (0, 1),
        device: torch.device = CPU,
    ) -> None:
        generator = np.random.default_rng([training.seed, epoch])
        labelled = dataset.epoch(generator)
        self.images, self.labels, self.soft = torch.from_numpy(labelled.images), torch.from_numpy(labelled.labels), soft
        self.order = torch.from_numpy(generator.permutation(len(labelled)))
        self.draws = draw(dataset.variations, len(labelled), generator, labelled.images.shape[1])
        self.noise_seeds = generator.integers(0, 2**63, steps_an_epoch(dataset, training)).tolist()
        self.size, self.device = training.batch, device
        self.share = slice(part[0] * self.size // part[1], (part[0] + 1) * self.size // part[1])

    def __len__(self) -> int:
        return len(self.noise_seeds)

    def __iter__(self) -> Iterator[Batch]:
        for rows, noise_seed in zip(torch.split(self.order, self.size), self.noise_seeds, strict=False):  # the rest is left out
            images = vary(self.images[rows].to(self.device), self.draws.of(rows), noise_seed)
            parts = (images, self.labels[rows], *(() if self.soft is None else (self.soft[rows],)))
            yield tuple(part[self.share].to(self.device) for part in parts)


def steps_an_epoch(dataset: Dataset, training: Training) -> int:
    """Batches in an epoch."""
    return max(1, len(dataset.train) // training.batch)
