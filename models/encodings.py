"""Input encodings beside the thermometer: the pixel's own binary digits, and real-valued ramps for a float network.

Both are laid out like the thermometer, T channels a colour, so that one layer table fits all. Neither is a thermometer in the
hardware's sense, and neither deploys.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PLANES = 8


class BitPlanes(nn.Module):
    """Images [N, C, H, W] of whole values 0..255 to signs float32 [N, C*8, H, W]; channel c*8 + k is +1 where bit k (from the
    least) of colour c is 1. Raises ValueError where `levels` is not 8."""

    def __init__(self, colours: int, levels: int = PLANES) -> None:
        super().__init__()
        if levels != PLANES:
            raise ValueError(f"expected {PLANES} bit planes a colour, got {levels}")
        self.colours = colours
        self.levels = levels

    def integer_thresholds(self) -> Tensor:
        """int64 [C, 0]: a bit plane has no threshold."""
        return torch.zeros(self.colours, 0, dtype=torch.int64)

    def forward(self, images: Tensor) -> Tensor:
        places = torch.arange(PLANES, device=images.device).view(1, 1, PLANES, 1, 1)
        bits = (images.long().unsqueeze(2) >> places) & 1
        return bits.to(torch.float32).mul_(2).sub_(1).flatten(1, 2)


class Ramps(nn.Module):
    """Images [N, C, H, W] of values 0..255 to float32 [N, C*T, H, W] in [-1, 1]: what a float network reads.

    Channel c*T + t is (pixel - u_t) / w clipped to [-1, 1], u_t = (t + 1) w, w = 256 / (T + 1): every grey level has its own code.
    """

    def __init__(self, colours: int, levels: int) -> None:
        super().__init__()
        self.colours = colours
        self.levels = levels

    def integer_thresholds(self) -> Tensor:
        """int64 [C, 0]: a ramp has no threshold."""
        return torch.zeros(self.colours, 0, dtype=torch.int64)

    def forward(self, images: Tensor) -> Tensor:
        width = 256 / (self.levels + 1)
        centres = width * torch.arange(1, self.levels + 1, device=images.device).view(1, 1, self.levels, 1, 1)
        return ((images.float().unsqueeze(2) - centres) / width).clamp(-1, 1).flatten(1, 2)
