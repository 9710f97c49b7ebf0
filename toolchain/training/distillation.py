"""Distillation: what a trained network, the teacher, adds to another's loss by its logits and its attention maps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from owlbit.models.attention import attention_loss
from owlbit.models.networks.trainable import Trainable
from owlbit.toolchain.data.dataset import Labelled
from owlbit.toolchain.recipes.training import Distillation
from owlbit.toolchain.runs.run_folder import RunError
from owlbit.toolchain.training.batches import CPU, Batch, Batches


@torch.no_grad()
def teacher_logits(teacher: Trainable, labelled: Labelled, flip: bool, device: torch.device = CPU) -> Tensor:
    """Logits float32 [N, classes], on the CPU, of the images of `labelled`, in their order: to be cached for a whole training.

    With `flip` they are the means with those of the mirrored images. `device`: where they are computed, and `teacher` stays.
    """
    teacher.to(device)
    rows = []
    for batch in Batches(labelled, 256, device):
        logits = teacher.logits(batch.images)
        rows.append((logits + teacher.logits(batch.images.flip(3))) / 2 if flip else logits)
    return torch.cat(rows).cpu()


@torch.no_grad()
def check_attention(student: Trainable, teacher: Trainable) -> None:
    """Raises RunError where attention cannot be matched, as the feature maps of the two do not fit. Both come back in eval mode."""
    blank = torch.zeros(2, *student.input_shape, dtype=torch.uint8)
    points = [net.eval().transfer_points(blank) for net in (student, teacher)]
    try:
        attention_loss(*points)
    except ValueError as error:
        raise RunError(f"distillation.attention: {error}") from None


def distilled(label_loss: Tensor, logits: Tensor, targets: Tensor, recipe: Distillation) -> Tensor:
    """(1 - w) label_loss + w tau^2 KL(softmax(targets / tau) || softmax(logits / tau)), as Hinton et al. (arXiv 1503.02531).

    `logits`: the student's, `targets`: the teacher's, which get no gradient; both float [N, classes].
    """
    tau, weight = recipe.temperature, recipe.weight
    soft = F.log_softmax(targets.detach().float() / tau, 1)
    teacher_loss = F.kl_div(F.log_softmax(logits / tau, 1), soft, reduction="batchmean", log_target=True) * tau**2
    return (1 - weight) * label_loss + weight * teacher_loss


class Distiller:
    """A teacher, and how much it counts beside the labels.

    `cached_logits`: the teacher's logits float32 [N, classes] of the training images, in their order, where they stand for all
    variations of an image; without them the teacher computes those of each batch.
    """

    def __init__(self, teacher: Trainable, recipe: Distillation, cached_logits: Tensor | None = None) -> None:
        self.teacher = teacher.eval().requires_grad_(False)
        self.recipe = recipe
        self.cached_logits = cached_logits

    def loss(self, batch: Batch, logits: Tensor, label_loss: Tensor, points: list[Tensor] | None = None) -> Tensor:
        """(1 - w) label_loss + w tau^2 KL(softmax(teacher / tau) || softmax(logits / tau)) + beta attention, a scalar.

        `logits`: the student's, float32 [N, classes]; `points`: its transfer points, where attention is matched.
        """
        teacher_points: list[Tensor] = []
        with torch.no_grad():
            if self.cached_logits is not None:
                targets = self.cached_logits[batch.index].to(logits.device)
            elif points is None:
                targets = self.teacher.logits(batch.images)
            else:
                targets, teacher_points = self.teacher.logits_and_points(batch.images)
        loss = distilled(label_loss, logits, targets, self.recipe)
        return loss if points is None else loss + self.recipe.attention * attention_loss(points, teacher_points)
