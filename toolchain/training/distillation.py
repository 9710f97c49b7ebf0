"""What a trained network teaches another: its logits, and where its feature maps look."""

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
def look_once(teacher: Trainable, labelled: Labelled, flip: bool, device: torch.device = CPU) -> Tensor:
    """Logits float32 [N, classes] of the images of `labelled`, in their order; with `flip` the mean with those of their mirror
    images. `device`: where they are computed, and `teacher` stays; the logits do not."""
    teacher.to(device)
    rows = []
    for images, *_ in Batches(labelled, 256, device):
        logits = teacher.logits(images)
        rows.append((logits + teacher.logits(images.flip(3))) / 2 if flip else logits)
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


class Teaching:
    """A trained network, and how much it counts beside the labels.

    `soft`: its logits float32 [N, classes] of the training images, where it is not asked at each step.
    """

    def __init__(self, teacher: Trainable, recipe: Distillation, soft: Tensor | None = None) -> None:
        self.teacher = teacher.eval().requires_grad_(False)
        self.recipe = recipe
        self.soft = soft

    def loss(self, batch: Batch, logits: Tensor, of_labels: Tensor, points: list[Tensor] | None = None) -> Tensor:
        """(1 - w) of_labels + w tau^2 KL(softmax(teacher / tau) || softmax(logits / tau)) + beta attention.

        `points`: the student's transfer points, where attention is matched.
        """
        tau, weight = self.recipe.temperature, self.recipe.weight
        its_points: list[Tensor] = []
        with torch.no_grad():
            if len(batch) == 3:
                its_logits = batch[2]
            elif points is None:
                its_logits = self.teacher.logits(batch[0])
            else:
                its_logits, its_points = self.teacher.logits_and_points(batch[0])
            soft = F.log_softmax(its_logits.float() / tau, 1)
        of_teacher = F.kl_div(F.log_softmax(logits / tau, 1), soft, reduction="batchmean", log_target=True) * tau**2
        loss = (1 - weight) * of_labels + weight * of_teacher
        return loss if points is None else loss + self.recipe.attention * attention_loss(points, its_points)
