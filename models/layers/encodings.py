"""How pixels become the first layer's input: a pixel has 256 values, so every encoding is a table that is looked up.

Beside the thermometer (`owlbit.models.layers.thermometer`) there are the pixel's own binary digits, real-valued ramps for a float
network, and the pixel itself. All but the last are laid out like the thermometer, T channels per colour, so one layer table fits
them. None of these deploys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

PLANES = 8


class _LookUp(torch.autograd.Function):
    """Rows of `codes` [C*256, T] at `indices`, int32 [N, H, W, C]; the gradient reaches `parameters` [C, T] through rows of
    `slopes`."""

    @staticmethod
    def forward(ctx: Any, parameters: Tensor, codes: Tensor, slopes: Tensor, indices: Tensor) -> Tensor:
        ctx.save_for_backward(slopes, indices)
        return _rows(codes, indices)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        slopes, indices = ctx.saved_tensors
        colours, levels = indices.shape[3], slopes.shape[1]
        gradient = gradients[0].permute(0, 2, 3, 1).reshape(-1, levels)
        moved = slopes.index_select(0, indices.flatten()).mul_(gradient)
        return moved.view(-1, colours * levels).sum(0).view(colours, levels), None, None, None


_look_up: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] = _LookUp.apply


def _rows(codes: Tensor, indices: Tensor) -> Tensor:
    return codes.index_select(0, indices.flatten()).view(*indices.shape[:3], -1).permute(0, 3, 1, 2)


class Encoding(nn.Module):
    """uint8 or float images [N, C, H, W] of values 0..255 to float32 [N, C*T, H, W], laid out channels last in training.

    Channel c*T + t is codes()[c, pixel of colour c, t]. `colours`: C; `levels`: T.
    """

    def __init__(self, colours: int, levels: int) -> None:
        super().__init__()
        self.colours = colours
        self.levels = levels

    def codes(self) -> Tensor:
        """float32 [C, 256, T]: what each value of a pixel becomes."""
        raise NotImplementedError

    def learned(self) -> tuple[Tensor, Tensor] | None:
        """Parameters [C, T] that have a gradient, and the derivatives float32 [C, 256, T] of the codes by them; None without."""
        return None

    def integer_thresholds(self) -> Tensor:
        """int64 [C, T]: what a pixel is compared with; [C, 0] where an encoding has no thresholds."""
        return torch.zeros(self.colours, 0, dtype=torch.int64)

    def forward(self, images: Tensor) -> Tensor:
        signs = self._look_up(images, self.codes(), 1.0)
        return signs if self.training else signs.clone(memory_format=torch.contiguous_format)

    def bits(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        """The same with 0 for -1, `dtype` [N, C*T, H, W], channels innermost."""
        return self._look_up(images, ((self.codes() + 1) / 2).to(dtype), 0.5)

    def _look_up(self, images: Tensor, codes: Tensor, step: float) -> Tensor:
        if images.dtype != torch.uint8:  # a whole threshold is reached by a value when it is by the value rounded down
            images = images.floor().clamp(0, 255).to(torch.uint8)
        rows = torch.arange(0, 256 * self.colours, 256, dtype=torch.int32, device=images.device)
        indices = images.permute(0, 2, 3, 1).contiguous() + rows
        learned = self.learned()
        if learned is None:
            return _rows(codes.flatten(0, 1), indices)
        parameters, slopes = learned
        return _look_up(parameters, codes.flatten(0, 1), step * slopes.flatten(0, 1), indices)


class BitPlanes(Encoding):
    """Pixels to the signs of their digits: channel c*8 + k is +1 where bit k (from the least) of colour c is 1.

    Raises ValueError where `levels` is not 8.
    """

    values: Tensor

    def __init__(self, colours: int, levels: int = PLANES) -> None:
        super().__init__(colours, levels)
        if levels != PLANES:
            raise ValueError(f"expected {PLANES} bit planes per colour, got {levels}")
        self.register_buffer("values", torch.arange(256).view(1, 256, 1), persistent=False)

    def codes(self) -> Tensor:
        bits = (self.values >> torch.arange(PLANES, device=self.values.device)) & 1
        return bits.float().mul_(2).sub_(1).expand(self.colours, -1, -1)


class Ramps(Encoding):
    """Pixels to real numbers in [-1, 1]: what a float network reads.

    Channel c*T + t is (pixel - u_t) / w clipped to [-1, 1], u_t = (t + 1) w, w = 256 / (T + 1): every grey level has its own code.
    """

    values: Tensor

    def __init__(self, colours: int, levels: int) -> None:
        super().__init__(colours, levels)
        self.register_buffer("values", torch.arange(256.0).view(1, 256, 1), persistent=False)

    def codes(self) -> Tensor:
        width = 256 / (self.levels + 1)
        centres = width * torch.arange(1, self.levels + 1, device=self.values.device)
        return ((self.values - centres) / width).clamp(-1, 1).expand(self.colours, -1, -1)


class Pixels(Encoding):
    """Pixels as real numbers in [-2, 2], (pixel / 255 - 1/2) / (1/4): what the networks of papers read whose first layer is not
    binary.

    Fixed and the same for every data set (ours): a normalisation follows the first convolution anyway.
    """

    values: Tensor

    def __init__(self, colours: int) -> None:
        super().__init__(colours, 1)
        self.register_buffer("values", torch.arange(256.0).view(1, 256, 1), persistent=False)

    def codes(self) -> Tensor:
        return ((self.values / 255 - 0.5) * 4).expand(self.colours, -1, -1)
