"""The batches of an epoch, the same for the same seed and epoch, and each process's share of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from toolchain.images import Dataset, Labelled
from toolchain.training_recipe import Training

# Images, labels and, where a teacher has looked at the images before, its logits.
Batch = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]


class Batches:
    """`labelled` cut into batches of `size`, in its order; what does not fill the last one is dropped if `full`.

    `soft`: logits float32 [N, classes] that go with the images, if there are any; `part`: (index, number) of the processes that
    share each batch evenly.
    """

    def __init__(
        self, labelled: Labelled, size: int, *, full: bool = False, soft: Tensor | None = None, part: tuple[int, int] = (0, 1)
    ) -> None:
        self.parts = [torch.from_numpy(labelled.images), torch.from_numpy(labelled.labels)]
        self.parts += [] if soft is None else [soft]
        self.size = size
        self.count = max(1, len(labelled) // size) if full else math.ceil(len(labelled) / size)
        self.share = slice(part[0] * size // part[1], (part[0] + 1) * size // part[1])

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Batch]:
        for index in range(self.count):
            rows = slice(index * self.size, (index + 1) * self.size)
            yield tuple(part[rows][self.share] for part in self.parts)  # type: ignore[misc]


def steps_an_epoch(dataset: Dataset, training: Training) -> int:
    """Batches in an epoch."""
    return max(1, len(dataset.train) // training.batch)


def epoch_batches(
    dataset: Dataset, training: Training, epoch: int, soft: Tensor | None = None, part: tuple[int, int] = (0, 1)
) -> Batches:
    """The training batches of epoch number `epoch` (from 0): the same for the same seed and epoch.

    `soft`: logits float32 [N, classes] of the training images, in their order; `part`: as of `Batches`.
    """
    generator = np.random.default_rng([training.seed, epoch])
    labelled = dataset.epoch(generator)
    order = generator.permutation(len(labelled))
    soft = None if soft is None else soft[torch.from_numpy(order)]
    return Batches(labelled.take(order), training.batch, full=True, soft=soft, part=part)
