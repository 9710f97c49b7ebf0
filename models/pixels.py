"""Pixels as real numbers: what the networks of papers read whose first layer is not binary."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Pixels(nn.Module):
    """Images [N, C, H, W] of values 0..255 to float32 of the same shape in [-2, 2]: (pixel / 255 - 1/2) / (1/4).

    Fixed and the same for every data set (ours): a normalisation follows the first convolution anyway. `colours`: C.
    """

    levels = 1

    def __init__(self, colours: int) -> None:
        super().__init__()
        self.colours = colours

    def integer_thresholds(self) -> Tensor:
        """int64 [C, 0]: no pixel is compared with anything."""
        return torch.zeros(self.colours, 0, dtype=torch.int64)

    def forward(self, images: Tensor) -> Tensor:
        return (images.float() / 255 - 0.5) * 4
