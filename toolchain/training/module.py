"""One phase of a training as Lightning sees it: the step, the optimiser, and the record of each epoch.

Everything random in an epoch (order and distortions) is drawn from (seed, epoch), so that a resumed training continues exactly as
the uninterrupted one would have.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import lightning.pytorch as pl
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from owlbit.models.layers.recu import tau_at
from owlbit.models.layers.thermometer import LearnedThermometer
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.trainable import FAST, Trainable
from owlbit.toolchain.data.dataset import Dataset
from owlbit.toolchain.recipes.training import Training
from owlbit.toolchain.runs.history import EpochRecord
from owlbit.toolchain.runs.run_folder import RunError
from owlbit.toolchain.training.batches import Batch, Batches, EpochBatches, steps_per_epoch
from owlbit.toolchain.training.distillation import Distiller
from owlbit.toolchain.training.phases import Phase
from owlbit.toolchain.training.pruning_schedule import PruningSchedule


@dataclass
class Progress:
    """What grows from phase to phase: `history`, a record per epoch; `best_epoch`, `best_state`: the epoch of highest validation
    accuracy among those of the final network, the later of equals, or with `keep = "last"` the last one, and the weights after it;
    -1 and nothing before there is one."""

    history: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = -1
    best_state: dict[str, Tensor] = field(default_factory=dict)

    def as_saved(self) -> dict[str, Any]:
        """As plain values and tensors, which a checkpoint is read back from without unpickling."""
        history = [record.as_json() for record in self.history]
        return {"history": history, "best_epoch": self.best_epoch, "best_state": self.best_state}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Takes what `as_saved` gave. Raises KeyError, TypeError or ValueError where it is something else."""
        self.history = [EpochRecord.from_json(record) for record in saved["history"]]
        self.best_epoch, self.best_state = saved["best_epoch"], saved["best_state"]


class PhaseModule(pl.LightningModule):
    """Trains `net` on `dataset` through `phase`, as `training` says.

    `distiller`: a teacher, if there is one; `pruning`: fades heavy blocks out, if it does; `final_epoch`: the first one whose
    network is the final one. `progress` is added to, and travels in the checkpoint.
    """

    def __init__(
        self,
        net: Trainable,
        dataset: Dataset,
        training: Training,
        phase: Phase,
        progress: Progress,
        *,
        learn_thresholds: bool,
        distiller: Distiller | None = None,
        pruning: PruningSchedule | None = None,
        final_epoch: int = 0,
    ) -> None:
        super().__init__()
        self.net = net
        self.dataset = dataset
        self.training_recipe = training
        self.phase = phase
        self.progress = progress
        self.distiller = distiller
        self.pruning = pruning
        self.final_epoch = final_epoch
        self.steps = steps_per_epoch(dataset, training)
        net.fast = FAST[training.precision]
        net.use_real_weights(phase.real)
        net.set_activation(phase.activation)
        self._set_tau(phase.start)
        if isinstance(net.thermometer, LearnedThermometer):
            net.thermometer.latents.requires_grad_(learn_thresholds)
        self._sums = dict.fromkeys(("loss", "right", "seen", "validation_loss", "validation_right", "validation_seen"), 0.0)
        self._signs: list[Tensor] = []
        self._started = time.perf_counter()

    def on_fit_start(self) -> None:
        if self.distiller is not None:
            self.distiller.teacher.to(self.device)

    @property
    def epoch(self) -> int:
        """Number of the epoch in the whole training, from 0."""
        return self.phase.start + self.current_epoch

    def train_dataloader(self) -> EpochBatches:
        part = (self.global_rank, self.trainer.world_size)
        device = self.trainer.strategy.root_device
        return EpochBatches(self.dataset, self.training_recipe, self.epoch, part=part, device=device)

    def val_dataloader(self) -> Batches:
        return Batches(self.dataset.validation, 256, self.trainer.strategy.root_device)

    def configure_optimizers(self) -> Any:
        recipe = self.training_recipe
        weights = self.net.binary_weights()
        latents = [self.net.thermometer.latents] if isinstance(self.net.thermometer, LearnedThermometer) else []
        apart = {id(parameter) for parameter in (*weights, *latents)}
        others = [parameter for parameter in self.net.parameters() if id(parameter) not in apart]
        matrices = [parameter for parameter in others if parameter.ndim > 1]
        vectors = [parameter for parameter in others if parameter.ndim <= 1]
        decay = recipe.weight_decay if self.phase.real or recipe.recu else 0.0
        groups: list[dict[str, Any]] = [{"params": [*weights, *matrices], "weight_decay": decay}, {"params": vectors}]
        if latents and latents[0].requires_grad:
            groups.append({"params": latents, "lr": recipe.rate * recipe.threshold_rate})
        if recipe.optimiser == "sgd":
            optimiser: torch.optim.Optimizer = torch.optim.SGD(groups, lr=recipe.rate, momentum=0.9, nesterov=True)
        else:
            optimiser = torch.optim.Adam(groups, lr=recipe.rate, fused=recipe.fast)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate_factor(self.steps))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate_factor(self, steps: int) -> Callable[[int], float]:
        """Of the rate at a step of the phase: along a cosine from 1 to 0 over its stage. `steps`: in an epoch."""
        before = (self.phase.start - self.phase.stage_start) * steps
        whole = (self.phase.stage_stop - self.phase.stage_start) * steps
        return lambda step: 0.5 * (1 + math.cos(math.pi * min(1.0, (before + step) / max(1, whole))))

    def on_train_epoch_start(self) -> None:
        self._sums = dict.fromkeys(self._sums, 0.0)
        self._signs = [weight.detach() >= 0 for weight in self.net.binary_weights()]
        self._started = time.perf_counter()
        self._set_tau(self.epoch)
        if isinstance(self.net.thermometer, LearnedThermometer):
            self.net.thermometer.set_progress(self.epoch / max(1, self.training_recipe.epochs - 1))

    def _set_tau(self, epoch: int) -> None:
        stage = self.phase.stage_start, self.phase.stage_stop
        treated = self.training_recipe.recu and not self.phase.real
        self.net.set_tau(tau_at(epoch - stage[0], stage[1] - stage[0]) if treated else None)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        if self.pruning is not None:
            assert isinstance(self.net, BinaryNet)
            self.pruning.on_step_start(self.net, self.epoch, batch_idx, self.steps)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        points = None
        if self.distiller is not None and self.distiller.recipe.attention:
            with self._precision(mixed=True):
                logits, points = self.net.logits_and_points(batch.images)
            logits = logits.float()
        else:
            logits = self._logits(batch.images)
        loss = F.cross_entropy(logits, batch.labels, label_smoothing=self.training_recipe.label_smoothing)
        if self.distiller is not None:
            with self._precision(mixed=points is not None or not isinstance(self.distiller.teacher, BinaryNet)):
                loss = self.distiller.loss(batch, logits, loss, points)
        self._check_finite(float(loss.detach()))
        self._note("", logits, batch.labels, loss)
        return loss

    def _check_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise RunError(
                f"expected a finite loss, got {loss} in epoch {self.epoch + 1}; "
                "the checkpoint of the epoch before is kept; lower training.rate and begin anew, or look at the images"
            )

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        if not self.phase.real:  # the magnitude of a real weight is nothing to clip
            self.net.limit_latents()

    def validation_step(self, batch: Batch, index: int) -> None:
        logits = self._logits(batch.images)
        self._note("validation_", logits, batch.labels, F.cross_entropy(logits, batch.labels))

    def _logits(self, images: Tensor) -> Tensor:
        with self._precision(mixed=not isinstance(self.net, BinaryNet)):
            return self.net.logits(images).float()

    def _precision(self, *, mixed: bool) -> torch.autocast:
        """torch's mixed precision in a training in bfloat16, for what has no fast form of its own."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=mixed and self.training_recipe.precision == "bfloat16")

    def _note(self, prefix: str, logits: Tensor, labels: Tensor, loss: Tensor) -> None:
        self._sums[prefix + "loss"] += float(loss.detach()) * len(labels)
        self._sums[prefix + "right"] += float((logits.detach().argmax(1) == labels).sum())
        self._sums[prefix + "seen"] += len(labels)

    def _totals(self) -> dict[str, float]:
        """The sums of all processes."""
        if self.trainer.world_size == 1:
            return self._sums
        values = torch.tensor(list(self._sums.values()), dtype=torch.float64, device=self.device)
        dist.all_reduce(values)
        return dict(zip(self._sums, values.tolist(), strict=True))

    def on_validation_epoch_end(self) -> None:
        weights = self.net.binary_weights()
        flipped = sum(int(((weight >= 0) != sign).sum()) for weight, sign in zip(weights, self._signs, strict=True))
        sums, progress = self._totals(), self.progress
        self._check_finite(sums["validation_loss"])  # before the weights that give it take the checkpoint's place
        record = EpochRecord(
            epoch=self.epoch,
            stage=self.phase.stage,
            loss=sums["loss"] / sums["seen"],
            accuracy=sums["right"] / sums["seen"],
            validation_loss=sums["validation_loss"] / sums["validation_seen"],
            validation_accuracy=sums["validation_right"] / sums["validation_seen"],
            flipped_signs=flipped / max(1, sum(weight.numel() for weight in weights)),
            thresholds=self.net.thermometer.integer_thresholds().tolist(),
            seconds=time.perf_counter() - self._started,
        )
        progress.history.append(record)
        if self.epoch < self.final_epoch:
            return  # not yet the network that is wanted
        best = progress.history[progress.best_epoch].validation_accuracy if progress.best_epoch >= 0 else 0.0
        if record.validation_accuracy >= best or self.training_recipe.keep == "last":
            progress.best_epoch = self.epoch
            progress.best_state = {name: tensor.detach().cpu().clone() for name, tensor in self.net.state_dict().items()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["owlbit"] = self.progress.as_saved()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.progress.restore(checkpoint["owlbit"])
