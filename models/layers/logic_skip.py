"""Logic skips for training: the map that leaves a block is joined with the one that entered it by a gate of signs.

Ours, after the idea of the logic-gated residuals of MOGNET, BILLNET and HEQ (Nguyen, Guicquero and others), where OR and MUX gates
take the place of the full-precision addition of a skip. Their equations were not at hand: the gradients, XOR, and a multiplexer
with one trained, then fixed selection a channel are our own reconstruction.

Forward, all of them give signs for signs; on the real maps of a float teacher they are the same formulas.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from owlbit.models.layers.binary import weight_sign


class OrSkip(nn.Module):
    """max(block, skipped) of two maps [N, C, H, W]: the OR of signs. The gradient goes to the larger one, by halves where both
    are equal."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, block: Tensor, skipped: Tensor) -> Tensor:
        return torch.maximum(block, skipped)


class XorSkip(nn.Module):
    """-block * skipped of two maps [N, C, H, W]: the XOR of signs, +1 where they differ. Each is the other's gradient, negated."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, block: Tensor, skipped: Tensor) -> Tensor:
        return -(block * skipped)


class MuxSkip(nn.Module):
    """For each channel of two maps [N, C, H, W] one of them: the block's where the channel's latent is >= 0, else the skipped one.

    `weight`: latents in [-1, 1], [C]. In training the map is ((1 + s) block + (1 - s) skipped) / 2 with s the latent's sign, whose
    gradient passes to the latent as that of a binary weight does.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels).uniform_(-0.1, 0.1))

    def forward(self, block: Tensor, skipped: Tensor) -> Tensor:
        if not self.training:
            return torch.where(self.weight.view(1, -1, 1, 1) >= 0, block, skipped)
        select = weight_sign(self.weight).view(1, -1, 1, 1)
        return ((1 + select) * block + (1 - select) * skipped) / 2


# The gates by the name that a layer table has for them.
SKIPS: dict[str, type[OrSkip | XorSkip | MuxSkip]] = {"or": OrSkip, "xor": XorSkip, "mux": MuxSkip}
