"""One training step as one call: compiled, and on a GPU replayed as one CUDA graph, so that the host only says when."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from owlbit.models.layers.thermometer import LearnedThermometer
from owlbit.models.networks.trainable import Trainable
from owlbit.toolchain.recipes.training import Distillation, Training
from owlbit.toolchain.training.distillation import distilled
from owlbit.toolchain.training.timed.batches import DeviceBatch

WARM_UP_STEPS = 4  # at a rate of zero, before a graph is captured: optimiser states and library plans are made then
Logits = Callable[[Tensor], Tensor]


class TrainingStep:
    """Trains `net` a batch at a time; `batches` are all of one shape.

    `logits`: what computes its logits, for example a compiled form; `teacher`: gives logits of varied images, where a batch brings
    none. With a GPU the step is one CUDA graph if `graph`.
    """

    def __init__(
        self,
        net: Trainable,
        logits: Logits,
        training: Training,
        distillation: Distillation | None = None,
        teacher: Logits | None = None,
        *,
        learn_thresholds: bool = True,
        graph: bool = True,
    ) -> None:
        self.net, self.logits, self.training, self.distillation, self.teacher = net, logits, training, distillation, teacher
        device = next(net.parameters()).device
        self.graph = graph and device.type == "cuda"
        if isinstance(net.thermometer, LearnedThermometer):
            net.thermometer.latents.requires_grad_(learn_thresholds)
        self.rates, self.optimiser = _optimiser(net, training, device)
        self._replay: tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...], Tensor] | None = None

    def prepare(self, batch: DeviceBatch) -> None:
        """Compiles and captures with `batch`; nothing is learned from it but running statistics."""
        self.set_rate(0.0)
        if not self.graph:
            self._compute(*batch)
            return
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP_STEPS):
                self._compute(*batch)
        torch.cuda.current_stream().wait_stream(side)
        fixed = DeviceBatch(*(None if part is None else part.clone() for part in batch))  # type: ignore[arg-type]
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            loss = self._compute(*fixed)
        self._replay = captured, tuple(part for part in fixed if part is not None), loss

    def try_step(self, batch: DeviceBatch) -> None:
        """One step at a rate of zero, neither compiled anew nor captured, to see whether `batch` fits the device's memory."""
        self.set_rate(0.0)
        self._compute(*batch)

    def set_rate(self, rate: float) -> None:
        """The optimiser's rate from the next step on, thresholds' in its proportion."""
        for held, factor in self.rates:
            held.fill_(rate * factor)

    def __call__(self, batch: DeviceBatch) -> Tensor:
        """Trains on `batch`; the loss float32 [], on the device, before the step."""
        if self._replay is None:
            return self._compute(*batch)
        captured, fixed, loss = self._replay
        for held, part in zip(fixed, (part for part in batch if part is not None), strict=True):
            held.copy_(part)
        captured.replay()
        return loss

    def _compute(self, images: Tensor, labels: Tensor, taught: Tensor | None) -> Tensor:
        logits = self.logits(images)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.training.label_smoothing)
        if self.distillation is not None:
            if taught is None:
                assert self.teacher is not None
                with torch.no_grad():
                    taught = self.teacher(images)
            loss = distilled(loss, logits, taught, self.distillation)
        self.optimiser.zero_grad(set_to_none=False)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        if not self.training.real:
            self.net.limit_latents()
        return loss.detach()


def _optimiser(
    net: nn.Module, training: Training, device: torch.device
) -> tuple[list[tuple[Tensor, float]], torch.optim.Optimizer]:
    """The optimiser, and its rates, tensors on the device that a captured step reads, with what each is multiplied by."""
    thresholds = [module.latents for module in net.modules() if isinstance(module, LearnedThermometer)]
    apart = {id(parameter) for parameter in thresholds}
    others = [parameter for parameter in net.parameters() if id(parameter) not in apart and parameter.requires_grad]
    matrices, vectors = [p for p in others if p.ndim > 1], [p for p in others if p.ndim <= 1]
    rates = [(torch.zeros((), device=device), factor) for factor in (1.0, 1.0, training.threshold_rate)]
    decay = training.weight_decay if training.real else 0.0
    groups = [
        {"params": matrices, "lr": rates[0][0], "weight_decay": decay},
        {"params": vectors, "lr": rates[1][0], "weight_decay": 0.0},
        {"params": [p for p in thresholds if p.requires_grad], "lr": rates[2][0], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    fused = device.type == "cuda"
    if training.optimiser == "sgd":
        return rates, torch.optim.SGD(groups, lr=rates[0][0], momentum=0.9, nesterov=True, fused=fused)
    return rates, torch.optim.Adam(groups, lr=rates[0][0], fused=fused, capturable=fused)
