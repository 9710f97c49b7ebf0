"""One training as Lightning sees it: the step, the optimiser, the batches of an epoch, and what is noted at the epoch's end.

Everything random in an epoch (order and distortions) is drawn from (seed, epoch), so that a resumed training continues exactly as
the uninterrupted one would have.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.network import BinaryNet
from models.thermometer import LearnedThermometer
from models.trainable import Trainable
from toolchain.images import Dataset, Labelled
from toolchain.recipe import Distillation, Training
from toolchain.run_folder import RunError

# Images, labels and, where a teacher has looked at the images before, its logits.
Batch = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]


class Batches:
    """`labelled` cut into batches of `size`, in its order; what does not fill the last one is dropped if `full`.

    `soft`: logits float32 [N, classes] that go with the images, if there are any.
    """

    def __init__(self, labelled: Labelled, size: int, *, full: bool = False, soft: Tensor | None = None) -> None:
        self.parts = [torch.from_numpy(labelled.images), torch.from_numpy(labelled.labels)]
        self.parts += [] if soft is None else [soft]
        self.size = size
        self.count = max(1, len(labelled) // size) if full else math.ceil(len(labelled) / size)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Batch]:
        for index in range(self.count):
            rows = slice(index * self.size, (index + 1) * self.size)
            yield tuple(part[rows] for part in self.parts)  # type: ignore[misc]


def epoch_batches(dataset: Dataset, training: Training, epoch: int, soft: Tensor | None = None) -> Batches:
    """The training batches of epoch number `epoch` (from 0): the same for the same seed and epoch.

    `soft`: logits float32 [N, classes] of the training images, in their order.
    """
    generator = np.random.default_rng([training.seed, epoch])
    labelled = dataset.epoch(generator)
    order = generator.permutation(len(labelled))
    return Batches(labelled.take(order), training.batch, full=True, soft=None if soft is None else soft[torch.from_numpy(order)])


class Teaching:
    """A trained float network, and how much its logits count beside the labels.

    `soft`: its logits float32 [N, classes] of the training images where it looks at them once, else None.
    """

    def __init__(self, teacher: Trainable, recipe: Distillation, dataset: Dataset, *, flip: bool) -> None:
        self.teacher = teacher.eval()
        self.recipe = recipe
        self.soft = self._look_once(dataset.train, flip) if recipe.once else None

    @torch.no_grad()
    def _look_once(self, labelled: Labelled, flip: bool) -> Tensor:
        rows = []
        for images, *_ in Batches(labelled, 256):
            logits = self.teacher.logits(images)
            rows.append((logits + self.teacher.logits(images.flip(3))) / 2 if flip else logits)
        return torch.cat(rows)

    def loss(self, batch: Batch, logits: Tensor, of_labels: Tensor) -> Tensor:
        """The whole loss: (1 - w) of_labels + w tau^2 KL(softmax(teacher / tau), softmax(logits / tau))."""
        tau, weight = self.recipe.temperature, self.recipe.weight
        with torch.no_grad():
            soft = F.log_softmax((batch[2] if len(batch) == 3 else self.teacher.logits(batch[0])) / tau, 1)
        of_teacher = F.kl_div(F.log_softmax(logits / tau, 1), soft, reduction="batchmean", log_target=True) * tau**2
        return (1 - weight) * of_labels + weight * of_teacher


class Learning(pl.LightningModule):
    """Trains `net` on `dataset` as `training` says, taught by `teaching` too if there is one.

    The first `real_epochs` have real weights: none, the first stage of two, or all of a float network's. `history`: one entry an
    epoch; `best_epoch`, `best_state`: the epoch of highest validation accuracy in the last stage, the later of equals, and the
    weights after it. All of them travel in the checkpoint.
    """

    def __init__(
        self,
        net: Trainable,
        dataset: Dataset,
        training: Training,
        *,
        learn_thresholds: bool,
        teaching: Teaching | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.net.fast = training.fast
        self.dataset = dataset
        self.training_recipe = training
        self.history: list[dict[str, Any]] = []
        self.best_epoch = -1
        self.best_state: dict[str, Tensor] = {}
        self.real_epochs = training.real_epochs
        self.teaching = teaching
        if isinstance(net.thermometer, LearnedThermometer):
            net.thermometer.latents.requires_grad_(learn_thresholds)
        self._sums = dict.fromkeys(("loss", "right", "seen", "validation_loss", "validation_right", "validation_seen"), 0.0)
        self._signs: list[Tensor] = []
        self._started = time.perf_counter()

    def train_dataloader(self) -> Batches:
        soft = None if self.teaching is None else self.teaching.soft
        return epoch_batches(self.dataset, self.training_recipe, self.current_epoch, soft)

    def val_dataloader(self) -> Batches:
        return Batches(self.dataset.validation, 256)

    def configure_optimizers(self) -> Any:
        recipe = self.training_recipe
        weights = self.net.binary_weights()
        latents = [self.net.thermometer.latents] if isinstance(self.net.thermometer, LearnedThermometer) else []
        apart = {id(parameter) for parameter in (*weights, *latents)}
        others = [parameter for parameter in self.net.parameters() if id(parameter) not in apart]
        matrices = [parameter for parameter in others if parameter.ndim > 1]
        vectors = [parameter for parameter in others if parameter.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": [*weights, *matrices]}, {"params": vectors}]  # of these the first may decay
        if latents and latents[0].requires_grad:
            groups.append({"params": latents, "lr": recipe.rate * recipe.threshold_rate})
        optimiser = torch.optim.Adam(groups, lr=recipe.rate, fused=recipe.fast)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate_factor(len(epoch_batches(self.dataset, recipe, 0))))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate_factor(self, steps: int) -> Callable[[int], float]:
        """Of the rate at a step: along a cosine from 1 to 0, once for each stage. `steps`: in an epoch."""
        border, end = self.real_epochs * steps, self.training_recipe.epochs * steps

        def factor(step: int) -> float:
            start, stop = (0, border) if step < border else (border, end)
            return 0.5 * (1 + math.cos(math.pi * (step - start) / max(1, stop - start)))

        return factor

    @property
    def two_stages(self) -> bool:
        """Whether some epochs have real weights and the later ones binary weights."""
        return 0 < self.real_epochs < self.training_recipe.epochs

    def _enter_stage(self) -> None:
        """Sets what hangs on the stage, from the number of the epoch alone, so that a resumed training does the same."""
        real = self.current_epoch < self.real_epochs
        self.net.use_real_weights(real)
        optimiser = self.trainer.optimizers[0]
        optimiser.param_groups[0]["weight_decay"] = self.training_recipe.weight_decay if real else 0.0
        if self.two_stages and self.current_epoch == self.real_epochs:
            optimiser.state.clear()  # the moments are those of another loss
            self.net.clip_latents()

    def on_train_epoch_start(self) -> None:
        self._enter_stage()
        self._sums = dict.fromkeys(self._sums, 0.0)
        self._signs = [weight.detach() >= 0 for weight in self.net.binary_weights()]
        self._started = time.perf_counter()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        images, labels = batch[:2]
        logits = self._logits(images)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.training_recipe.label_smoothing)
        if self.teaching is not None:
            loss = self.teaching.loss(batch, logits, loss)
        if not bool(loss.isfinite()):
            raise RunError(
                f"expected a finite loss, got {float(loss)} in epoch {self.current_epoch + 1}; "
                "the last checkpoint is kept; lower training.rate and begin anew, or look at the images"
            )
        self._note("", logits, labels, loss)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        if self.current_epoch >= self.real_epochs:  # the magnitude of a real weight is nothing to clip
            self.net.clip_latents()

    def validation_step(self, batch: Batch, index: int) -> None:
        images, labels = batch[:2]
        logits = self._logits(images)
        self._note("validation_", logits, labels, F.cross_entropy(logits, labels))

    def _logits(self, images: Tensor) -> Tensor:
        """float32 [N, classes]; networks without a fast form of their own run in torch's mixed precision instead."""
        mixed = self.training_recipe.fast and not isinstance(self.net, BinaryNet)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=mixed):
            return self.net.logits(images).float()

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
            "stage": 2 if self.two_stages and self.current_epoch >= self.real_epochs else 1,
            "loss": sums["loss"] / sums["seen"],
            "accuracy": sums["right"] / sums["seen"],
            "validation_loss": sums["validation_loss"] / sums["validation_seen"],
            "validation_accuracy": sums["validation_right"] / sums["validation_seen"],
            "flipped_signs": flipped / max(1, sum(weight.numel() for weight in weights)),
            "thresholds": self.net.thermometer.integer_thresholds().tolist(),
            "seconds": time.perf_counter() - self._started,
        }
        self.history.append(entry)
        if self.two_stages and self.current_epoch < self.real_epochs:
            return  # not yet the network that is wanted
        if self.best_epoch < 0 or entry["validation_accuracy"] >= self.history[self.best_epoch]["validation_accuracy"]:
            self.best_epoch = self.current_epoch
            self.best_state = {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["owlbit"] = {"history": self.history, "best_epoch": self.best_epoch, "best_state": self.best_state}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        kept = checkpoint["owlbit"]
        self.history, self.best_epoch, self.best_state = kept["history"], kept["best_epoch"], kept["best_state"]
