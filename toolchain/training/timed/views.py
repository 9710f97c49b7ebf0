"""A teacher's logits of every view of every training image: computed once, looked up at each step.

Mirrored and moved by up to a few pixels, an image has few views. Asking the teacher at each step is about a third of all work.
72 views of 45,000 images with 10 classes are 65 MB of float16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from owlbit.toolchain.data.dataset import Variations
from owlbit.toolchain.training.augment import Draws, vary

OFFSETS = 6  # moves along rows, and along columns, that are kept of all
CHUNK = 1000  # images that the teacher sees at once, always as many, so that its compiled form fits


@dataclass(frozen=True, eq=False)
class Views:
    """`mirrored`: bool [V]; `moves`: int64 [2, V]: the ways in which an image is shown."""

    mirrored: Tensor
    moves: Tensor

    def __len__(self) -> int:
        return len(self.mirrored)

    def draws(self, numbers: Tensor) -> Draws:
        """Images shown each in the view of its number, int64 [N]."""
        return Draws(self.mirrored[numbers], self.moves[:, numbers])


def views_of(variations: Variations) -> Views | None:
    """The views under `variations`; None where more is varied than flip and shift, so that no table holds them."""
    if variations != Variations(flip=variations.flip, shift=variations.shift):
        return None
    offsets = np.unique(np.linspace(-variations.shift, variations.shift, OFFSETS).round().astype(np.int64))
    flips = (False, True) if variations.flip else (False,)
    rows = [(flip, down, right) for flip in flips for down in offsets.tolist() for right in offsets.tolist()]
    return Views(torch.tensor([row[0] for row in rows]), torch.tensor([row[1:] for row in rows]).T.contiguous())


@torch.no_grad()
def fill_table(views: Views, images: Tensor, teacher: Callable[[Tensor], Tensor], progress: Callable[[float], None]) -> Tensor:
    """float16 [V, N, classes] on the device of `images`, uint8 [N, C, H, W]: the logits that `teacher` gives each view.

    `progress` is told the share that is there.
    """
    count, parts = len(images), []
    for number in range(len(views)):
        rows = []
        for begin in range(0, count, CHUNK):
            part = images[begin : begin + CHUNK]
            filled = torch.cat([part, part[:1].expand(CHUNK - len(part), -1, -1, -1)]) if len(part) < CHUNK else part
            seen = vary(filled, views.draws(torch.full((CHUNK,), number)), 0)
            rows.append(teacher(seen)[: len(part)].half())
        parts.append(torch.cat(rows))
        progress((number + 1) / len(views))
    return torch.stack(parts)
