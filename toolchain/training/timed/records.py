"""The values that a training for a fixed time reports at each line of progress."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from owlbit.models.networks.trainable import Trainable
from owlbit.toolchain.data.dataset import Dataset, Labelled
from owlbit.toolchain.runs.history import EpochRecord
from owlbit.toolchain.training.batches import Batches

SEEN = 1000  # training images, as they are without augmentation, that the training accuracy is taken of
CHUNK = 250


class Records:
    """`history`: the records so far, one for each epoch at whose end, or in which, the network was looked at.

    `net` trains on `device`; it is left in training mode.
    """

    def __init__(self, net: Trainable, dataset: Dataset, device: torch.device) -> None:
        self.net, self.dataset, self.device = net, dataset, device
        self.history: list[EpochRecord] = []
        self._signs = self._now()
        self._before = 0.0
        sample = dataset.train.take(torch.linspace(0, len(dataset.train) - 1, min(SEEN, len(dataset.train))).long().numpy())
        self._seen = sample

    def may_follow(self, images: int) -> bool:
        """Whether after `images` images in all another epoch is at hand than that of the last record."""
        return not self.history or self._epoch(images) > self.history[-1].epoch

    def add(self, images: int, loss: float, elapsed: float) -> EpochRecord:
        """Records the network after `images` training images; `loss`: of the last batch; `elapsed`: seconds since the first step.

        Takes the place of the last record where that is of the same epoch.
        """
        if not self.may_follow(images):
            self.history.pop()
        _, seen_right = self._look(self._seen)
        validation_loss, right = self._look(self.dataset.validation)
        signs = self._now()
        flipped = sum(int((now != before).sum()) for now, before in zip(signs, self._signs, strict=True))
        weights = max(1, sum(sign.numel() for sign in signs))
        thresholds = self.net.thermometer.integer_thresholds().tolist()
        record = EpochRecord(
            self._epoch(images), 1, loss, seen_right, validation_loss, right, flipped / weights, thresholds, elapsed - self._before
        )
        self._signs, self._before = signs, elapsed
        self.history.append(record)
        return record

    def _epoch(self, images: int) -> int:
        """Number, from 0, of the epoch that `images` images end in."""
        return max(0, (images - 1) // self.dataset.images_per_epoch)

    def _now(self) -> list[Tensor]:
        return [weight.detach() >= 0 for weight in self.net.binary_weights()]

    @torch.no_grad()
    def _look(self, labelled: Labelled) -> tuple[float, float]:
        """(mean loss, share right) in eval mode."""
        self.net.eval()
        loss = right = 0.0
        for batch in Batches(labelled, CHUNK, self.device):
            logits = self.net.logits(batch.images)
            loss += float(F.cross_entropy(logits, batch.labels, reduction="sum"))
            right += int((logits.argmax(1) == batch.labels).sum())
        self.net.train()
        return loss / len(labelled), right / len(labelled)
