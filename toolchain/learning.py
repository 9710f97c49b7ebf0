"""One training as Lightning sees it: the step, the optimiser, the batches of an epoch, and what is noted at the epoch's end.

Everything random in an epoch (order and distortions) is drawn from (seed, epoch), so that a resumed training continues exactly as
the uninterrupted one would have.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.network import BinaryNet
from toolchain.images import Dataset, Labelled
from toolchain.recipe import Training

Batch = tuple[Tensor, Tensor]


class Batches:
    """`labelled` cut into batches of `size`, in its order; what does not fill the last one is dropped if `full`."""

    def __init__(self, labelled: Labelled, size: int, *, full: bool = False) -> None:
        self.images = torch.from_numpy(labelled.images)
        self.labels = torch.from_numpy(labelled.labels)
        self.size = size
        self.count = max(1, len(labelled) // size) if full else math.ceil(len(labelled) / size)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Batch]:
        for index in range(self.count):
            rows = slice(index * self.size, (index + 1) * self.size)
            yield self.images[rows], self.labels[rows]


def epoch_batches(dataset: Dataset, training: Training, epoch: int) -> Batches:
    """The training batches of epoch number `epoch` (from 0): the same for the same seed and epoch."""
    generator = np.random.default_rng([training.seed, epoch])
    labelled = dataset.epoch(generator)
    return Batches(labelled.take(generator.permutation(len(labelled))), training.batch, full=True)


class Learning(pl.LightningModule):
    """Trains `net` on `dataset` as `training` says.

    `history`: one entry an epoch; `best_epoch`, `best_state`: the epoch of highest validation accuracy, the later of equals, and
    the weights after it. All of them travel in the checkpoint.
    """

    def __init__(self, net: BinaryNet, dataset: Dataset, training: Training, *, learn_thresholds: bool) -> None:
        super().__init__()
        self.net = net
        self.dataset = dataset
        self.training_recipe = training
        self.history: list[dict[str, Any]] = []
        self.best_epoch = -1
        self.best_state: dict[str, Tensor] = {}
        self.net.thermometer.latents.requires_grad_(learn_thresholds)
        self._sums = dict.fromkeys(("loss", "right", "seen", "validation_loss", "validation_right", "validation_seen"), 0.0)
        self._signs: list[Tensor] = []
        self._started = time.perf_counter()

    def train_dataloader(self) -> Batches:
        return epoch_batches(self.dataset, self.training_recipe, self.current_epoch)

    def val_dataloader(self) -> Batches:
        return Batches(self.dataset.validation, 256)

    def configure_optimizers(self) -> Any:
        recipe = self.training_recipe
        latents = self.net.thermometer.latents
        groups = [{"params": [parameter for parameter in self.net.parameters() if parameter is not latents], "lr": recipe.rate}]
        if latents.requires_grad:
            groups.append({"params": [latents], "lr": recipe.rate * recipe.threshold_rate})
        optimiser = torch.optim.Adam(groups)
        steps = recipe.epochs * len(epoch_batches(self.dataset, recipe, 0))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps)))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_epoch_start(self) -> None:
        self._sums = dict.fromkeys(self._sums, 0.0)
        self._signs = [weight.detach() >= 0 for weight in self.net.binary_weights()]
        self._started = time.perf_counter()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        images, labels = batch
        logits = self.net.logits(images)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.training_recipe.label_smoothing)
        self._note("", logits, labels, loss)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        self.net.clip_latents()

    def validation_step(self, batch: Batch, index: int) -> None:
        images, labels = batch
        logits = self.net.logits(images)
        self._note("validation_", logits, labels, F.cross_entropy(logits, labels))

    def _note(self, prefix: str, logits: Tensor, labels: Tensor, loss: Tensor) -> None:
        self._sums[prefix + "loss"] += float(loss.detach()) * len(labels)
        self._sums[prefix + "right"] += float((logits.detach().argmax(1) == labels).sum())
        self._sums[prefix + "seen"] += len(labels)

    def on_validation_epoch_end(self) -> None:
        weights = self.net.binary_weights()
        flipped = sum(int(((weight >= 0) != sign).sum()) for weight, sign in zip(weights, self._signs, strict=True))
        sums = self._sums
        entry = {
            "epoch": self.current_epoch,
            "loss": sums["loss"] / sums["seen"],
            "accuracy": sums["right"] / sums["seen"],
            "validation_loss": sums["validation_loss"] / sums["validation_seen"],
            "validation_accuracy": sums["validation_right"] / sums["validation_seen"],
            "flipped_signs": flipped / sum(weight.numel() for weight in weights),
            "thresholds": self.net.thermometer.integer_thresholds().tolist(),
            "seconds": time.perf_counter() - self._started,
        }
        self.history.append(entry)
        if self.best_epoch < 0 or entry["validation_accuracy"] >= self.history[self.best_epoch]["validation_accuracy"]:
            self.best_epoch = self.current_epoch
            self.best_state = {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["owlbit"] = {"history": self.history, "best_epoch": self.best_epoch, "best_state": self.best_state}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        kept = checkpoint["owlbit"]
        self.history, self.best_epoch, self.best_state = kept["history"], kept["best_epoch"], kept["best_state"]
