"""Binary layers for training: hard signs forward, straight-through gradients backward.

These are the light twins of Brevitas' 1-bit quantisers with scale 1 (see `owlbit.models.networks.brevitas_twin`): the same values
forward and the same gradients, without the cost of a general quantiser.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from owlbit.models.layers.recu import recu_sign


class _ActivationSign(torch.autograd.Function):
    """+1 where x >= 0, else -1; the gradient passes where |x| <= 1."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values.abs() <= 1)
        return (values >= 0).to(values.dtype).mul_(2).sub_(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (inside,) = ctx.saved_tensors
        gradient: Tensor = gradients[0] * inside
        return gradient


class _TriangularSign(torch.autograd.Function):
    """+1 where x >= 0, else -1; the gradient is that of Bi-Real Net's ApproxSign: 2 - 2|x| where |x| <= 1, else 0."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values)
        return (values >= 0).to(values.dtype).mul_(2).sub_(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        gradient: Tensor = gradients[0] * (2 - 2 * values.abs()).clamp_(min=0)
        return gradient


class _WeightSign(torch.autograd.Function):
    """+1 where w >= 0, else -1; the gradient passes everywhere, because latent weights are clipped to [-1, 1] after each step."""

    @staticmethod
    def forward(ctx: Any, latents: Tensor) -> Tensor:
        return torch.where(latents >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


sign: Callable[[Tensor], Tensor] = _ActivationSign.apply
triangular_sign: Callable[[Tensor], Tensor] = _TriangularSign.apply
weight_sign: Callable[[Tensor], Tensor] = _WeightSign.apply


def shifted_relu(values: Tensor) -> Tensor:
    """2 max(x, 0) - 1: a ReLU in a network where -1 stands for nothing, and pads the maps."""
    return 2 * F.relu(values) - 1


SIGNS = ("clipped", "triangular")
# What follows a normalisation, by name: two estimators of the sign's gradient, and what stands in its place in a float network.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "clipped": sign,
    "triangular": triangular_sign,
    "hardtanh": F.hardtanh,
    "tanh": torch.tanh,
    "relu": shifted_relu,
}


class Sign(nn.Module):
    """Values to signs of the same shape; `estimator`: "clipped" or "triangular", by its gradient. Raises ValueError on another."""

    def __init__(self, estimator: str = "clipped") -> None:
        super().__init__()
        if estimator not in SIGNS:
            raise ValueError(f"expected an estimator out of {', '.join(SIGNS)}, got {estimator}")
        self.estimator = estimator

    def forward(self, values: Tensor) -> Tensor:
        return ACTIVATIONS[self.estimator](values)


def effective_weight(latents: Tensor, real: bool, tau: float | None = None) -> Tensor:
    """What a layer multiplies with: the signs of `latents`, or, if `real`, `latents` divided by the mean of their magnitudes.

    `tau`: of signs with the gradient of ReCU (see `owlbit.models.layers.recu`); None for the gradient that passes everywhere.

    The division gives real weights the mean magnitude of binary ones, so that BatchNorm and temperature carry over from one to the
    other.
    """
    if not real:
        return weight_sign(latents) if tau is None else recu_sign(latents, tau)
    return latents / latents.detach().abs().mean().clamp(min=1e-12)


def conv2d(values: Tensor, weight: Tensor, stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
    """F.conv2d without bias; a 1x1 convolution with a stride gets only the pixels that it reads.

    On processors with AVX2 alone, the gradient of such a convolution by its weights, of fewer than eight channels, writes beyond
    its memory in oneDNN (seen with torch 2.13.0, function jit_avx2_1x1_convolution_bwd_weights_t).
    """
    if weight.shape[2:] == (1, 1) and stride > 1 and not padding:
        values, stride = values[:, :, ::stride, ::stride], 1
    return F.conv2d(values, weight, None, stride, padding, 1, groups)


class BinaryConv2d(nn.Module):
    """Signs [N, Cin, H, W] to integers (as float32) [N, Cout, Hout, Wout] = 2 * popcount - K.

    Padding is -1, `kernel // 2` on every side; `weight`: latents in [-1, 1], [Cout, Cin/groups, kernel, kernel]. While `real` is
    set it multiplies with real weights, while `tau` is set signs have ReCU's gradient (see `effective_weight`).
    """

    def __init__(self, channels: int, filters: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        if channels % groups or filters % groups:
            raise ValueError(f"expected groups that divide {channels} channels and {filters} filters, got {groups}")
        self.real = False
        self.tau: float | None = None
        self.stride = stride
        self.groups = groups
        self.padding = kernel // 2
        self.weight = nn.Parameter(torch.empty(filters, channels // groups, kernel, kernel).uniform_(-0.1, 0.1))

    def forward(self, signs: Tensor) -> Tensor:
        if self.padding:
            signs = F.pad(signs, (self.padding,) * 4, value=-1.0)
        return conv2d(signs, effective_weight(self.weight, self.real, self.tau), self.stride, groups=self.groups)


class BinaryLinear(nn.Module):
    """Signs [N, K] to integers (as float32) [N, features] = 2 * popcount - K.

    `weight`: latents in [-1, 1], [features, K]. `real` and `tau`: as of `BinaryConv2d`.
    """

    def __init__(self, inputs: int, features: int) -> None:
        super().__init__()
        self.real = False
        self.tau: float | None = None
        self.weight = nn.Parameter(torch.empty(features, inputs).uniform_(-0.1, 0.1))

    def forward(self, signs: Tensor) -> Tensor:
        return F.linear(signs, effective_weight(self.weight, self.real, self.tau))


class ChannelShuffle(nn.Module):
    """Channels seen as [groups, channels/groups], transposed: the next convolution's groups read from all of the last one's."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, signs: Tensor) -> Tensor:
        return F.channel_shuffle(signs, self.groups)


class OrPool(nn.MaxPool2d):
    """Maximum over a window of `side` x `side`, every `side` pixels; what does not fill a window is dropped."""

    def __init__(self, side: int) -> None:
        super().__init__(side)
        self.side = side
