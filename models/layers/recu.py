"""ReCU's treatment of latent weights: filters are standardised and their tails clamped, so that no weight is out of reach.

Xu et al., ReCU: Reviving the Dead Weights in Binary Neural Networks, ICCV 2021 (arXiv 2103.12369); the formulas are those of its
code. A latent far out in a filter's distribution hardly ever changes sign. Where tails are clamped at the quantiles tau and 1 - tau
of a Laplace distribution, it gets no gradient of its own and comes back with its filter's mean and deviation:

    w0 = w - mean(w),    w1 = 2 sqrt(2) w0 / sqrt(var(w0) + 1e-5),    q = -mean|w1| ln(2 - 2 tau),    w2 = clamp(w1, -q, q)

mean and var over a filter, mean|w1| over the layer and constant in the gradient. The layer multiplies with v = sign(w2), with
dv/dw2 := 1. q is positive, so v is the sign of w0 and tau matters to the gradient alone. Latents are centred after each step here
(ours), so that v is the sign of w itself: what is exported, and all that reads latents, is as without ReCU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

EPSILON = 1e-5
FIRST_TAU, LAST_TAU = 0.85, 0.99


class _StandIn(torch.autograd.Function):
    """The value of `shown`, the gradient of `source`."""

    @staticmethod
    def forward(ctx: Any, shown: Tensor, source: Tensor) -> Tensor:
        return shown.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, gradients[0]


_stand_in: Callable[[Tensor, Tensor], Tensor] = _StandIn.apply


def tau_at(epoch: int, epochs: int) -> float:
    """tau in `epoch`, from 0, of `epochs`: A exp(epoch / epochs) + B, from 0.85 to 0.99."""
    last = (epochs - 1) / epochs if epochs > 1 else 1.0
    rise = (LAST_TAU - FIRST_TAU) / (math.exp(last) - 1)
    return FIRST_TAU + rise * (math.exp(epoch / epochs) - 1)


def treated(latents: Tensor, tau: float) -> Tensor:
    """w2 of `latents`, float32 [filters, ...], whose filters lie along the first axis."""
    axes = tuple(range(1, latents.ndim))
    centred = latents - latents.mean(axes, keepdim=True)
    scaled = centred * (2 * math.sqrt(2)) / (centred.var(axes, keepdim=True) + EPSILON).sqrt()
    limit = scaled.detach().abs().mean() * -math.log(2 - 2 * tau)
    return scaled.clamp(-limit, limit)


def recu_sign(latents: Tensor, tau: float) -> Tensor:
    """+1 where `latents` >= 0, else -1; the gradient is that of `treated`."""
    return _stand_in(torch.where(latents >= 0, 1.0, -1.0), treated(latents, tau))


@torch.no_grad()
def centre(latents: Tensor) -> None:
    """Takes the mean of each filter away from its latents, in place."""
    latents -= latents.mean(tuple(range(1, latents.ndim)), keepdim=True)
