"""Attention matching: a student's feature maps should look where a teacher's do.

Martinez et al., "Real-to-Binary" (2020): over the transfer points j

    loss = sum_j || Qs_j / ||Qs_j||_2 - Qt_j / ||Qt_j||_2 ||_2,        Q_j = sum over channels i of |A_ij|^2, one value per pixel

for student s and teacher t. The paper has it for one image; for a batch it is the mean over its images (ours).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def attention_map(values: Tensor) -> Tensor:
    """Q / ||Q||_2 of each image: real [N, C, H, W] to [N, H * W]; zeros where the map is zero."""
    return F.normalize(values.square().sum(1).flatten(1), dim=1)


def attention_loss(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """The loss above, real []. `student`, `teacher`: transfer points [N, C, H, W], in order; channels may differ.

    The teacher gets no gradient. Raises ValueError where numbers of points, images, rows or columns differ, or there are no points.
    """
    if len(student) != len(teacher) or not student:
        raise ValueError(
            f"expected as many transfer points of student and teacher, at least 1, got {len(student)} and {len(teacher)}"
        )
    losses = []
    for index, (mine, its) in enumerate(zip(student, teacher, strict=True)):
        sizes = [(len(points), *points.shape[2:]) for points in (mine, its)]
        if mine.ndim != 4 or its.ndim != 4 or sizes[0] != sizes[1]:
            raise ValueError(
                f"transfer point {index}: expected maps [N, C, H, W] of the same N, H and W, got {list(mine.shape)} of the student "
                f"and {list(its.shape)} of the teacher; choose a teacher whose blocks shrink the map in the same places"
            )
        difference = attention_map(mine) - attention_map(its.detach())
        losses.append(torch.linalg.vector_norm(difference, dim=1).mean())
    return torch.stack(losses).sum()
