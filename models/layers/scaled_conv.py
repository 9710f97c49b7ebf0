"""Binary convolutions whose filters have a real scale, as in XNOR-Net and Real-to-Binary."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from owlbit.models.layers.binary import BinaryConv2d
from owlbit.models.paper_networks import SCALES


class ScaledConv(nn.Module):
    """Signs [N, C, H, W] to float32 [N, F, H', W']: a binary convolution, padded by -1 to `kernel // 2`, times alpha [F].

    `scale` says what alpha is, W being the latents of one filter:

    * "none": 1;
    * "learned": a parameter, trained by gradient (XNOR-Net++ and Real-to-Binary's strong baseline, here one per filter); it starts
      at 1 / sqrt(fan-in), which gives random signs outputs of variance 1 (ours);
    * "mean": mean |W|, the least-squares scale of XNOR-Net;
    * "abs-mean": |mean W|, found in tutorials under the same name. It is never larger than mean |W|, and near zero where as
      many latents are positive as negative, which is how they start: kept to be compared with, not to be used.

    "mean" and "abs-mean" have gradients through alpha too. While weights are real, both mean the latents as they are.
    Raises ValueError on another scale.
    """

    def __init__(self, channels: int, filters: int, kernel: int, stride: int = 1, scale: str = "learned") -> None:
        super().__init__()
        if scale not in SCALES:
            raise ValueError(f"expected a scale out of {', '.join(SCALES)}, got {scale}")
        self.scale = scale
        self.conv = BinaryConv2d(channels, filters, kernel, stride)
        fan_in = channels * kernel**2
        self.alpha = nn.Parameter(torch.full((filters,), fan_in**-0.5)) if scale == "learned" else None

    def factors(self) -> Tensor:
        """alpha, float32 [F]."""
        if self.alpha is not None:
            return self.alpha
        weights = self.conv.weight.flatten(1)
        if self.scale == "none":
            return weights.new_ones(len(weights))
        if self.conv.real:  # undoes the division of `effective_weight`
            return weights.detach().abs().mean().expand(len(weights))
        return weights.abs().mean(1) if self.scale == "mean" else weights.mean(1).abs()

    def forward(self, signs: Tensor) -> Tensor:
        products: Tensor = self.conv(signs)
        return products if self.scale == "none" else products * self.factors().view(1, -1, 1, 1)
