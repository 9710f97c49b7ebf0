"""Fast training of a block: bits 0 and 1, channels innermost; normalise, pool and activate in one step.

Bits b instead of signs s = 2 b - 1, with zeros around the map instead of -1, change every product of a convolution by a constant
and a factor that are the same over the whole map: with the weights v of a filter, y = 2 y01 - sum(v). BatchNorm takes both away:

    mean = 2 mean01 - sum(v),    variance = 4 variance01,    epsilon = 4 epsilon01.

So the normalised value, the activation and all gradients are those of the +-1 network, whose running statistics are what is kept.

Maps are bfloat16, for processors that multiply such numbers natively, or float32 for the others. Whole numbers up to 256 are exact
in bfloat16; a larger magnitude of y01 is rounded to 8 bits. In float32 all y01 are exact (`owlbit.models.layers.bit_conv`).

A float network's activations are coded in the same way, 0 for -1: (HardTanh + 1) / 2, and ReLU itself.
On a processor the steps are compiled loops (`owlbit.models.layers.fused_kernels`); elsewhere they are torch's own operations, with
the same results but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from owlbit.models.layers import fused_kernels as kernels
from owlbit.models.layers.binary import ACTIVATIONS

KINDS = {"clipped": kernels.CLIPPED, "triangular": kernels.TRIANGULAR, "hardtanh": kernels.HARDTANH, "relu": kernels.RELU}


class Statistics(NamedTuple):
    """Mean and (biased) variance float64 [C] of a batch, and how many `values` each is taken over."""

    mean: Tensor
    variance: Tensor
    values: int


def normalise_activate(values: Tensor, norm: nn.BatchNorm2d, weight_sums: Tensor, side: int, activation: str) -> Tensor:
    """activation(pool(norm(2 * values - weight_sums))), coded as 0 for -1 and 1 for +1.

    `values`: bfloat16 or float32 [N, C, H, W], channels innermost, what a convolution makes of such codes; `weight_sums`: float32
    [C], the sum of each filter's weights; `side`: of the pooling window, 1 for none; `activation`: a name of
    `owlbit.models.layers.binary.ACTIVATIONS`. Returns [N, C, H // side, W // side] of the same type and layout. `norm` in training
    mode updates its running statistics; where several processes train together its statistics are those of the whole batch.
    """
    if values.device.type != "cpu" or activation not in KINDS:
        return plain_normalise_activate(values, norm, weight_sums, side, activation)
    if not norm.training:
        return _with_running_statistics(values, norm, weight_sums, side, KINDS[activation])
    return _normalise_activate(values, norm.weight, norm.bias, norm, weight_sums, side, KINDS[activation])


def plain_normalise(values: Tensor, weight_sums: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """norm(2 * values - weight_sums), float32 [N, C, H, W], in torch's own operations."""
    normalised: Tensor = norm(2 * values.float() - weight_sums.view(1, -1, 1, 1))
    return normalised


def plain_normalise_activate(values: Tensor, norm: nn.BatchNorm2d, weight_sums: Tensor, side: int, activation: str) -> Tensor:
    """The same in torch's own operations."""
    normalised = plain_normalise(values, weight_sums, norm)
    if side > 1:
        normalised = F.max_pool2d(normalised, side)
    codes = (ACTIVATIONS[activation](normalised) + 1) / 2
    return codes.to(values.dtype, memory_format=torch.channels_last)


def _numbers(tensor: Tensor) -> NDArray[Any]:
    """A map [N, C, H, W] as [N, H, W, C], sharing its memory where channels are innermost: float32, or bfloat16 as uint16."""
    innermost = tensor.detach().permute(0, 2, 3, 1).contiguous()
    if innermost.dtype == torch.bfloat16:
        innermost = innermost.view(torch.uint16)
    numbers: NDArray[Any] = innermost.numpy()
    return numbers


def _empty(shape: tuple[int, ...], like: NDArray[Any]) -> tuple[Tensor, NDArray[Any]]:
    """A map [N, C, H, W] with channels innermost, and the same memory as [N, H, W, C], as `_numbers` gave `like`; `shape`: of the
    second."""
    memory = torch.empty(shape, dtype=torch.bfloat16 if like.dtype == np.uint16 else torch.float32)
    return memory.permute(0, 3, 1, 2), (memory.view(torch.uint16) if like.dtype == np.uint16 else memory).numpy()


def _processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def _totals(*parts: NDArray[np.float64]) -> Tensor:
    """The sums of [N, C] over images, and over the processes that train together: float64 [len(parts), C]."""
    totals = torch.from_numpy(np.stack([part.sum(0) for part in parts]))
    if _processes() > 1:
        dist.all_reduce(totals)
    return totals


def _batch_statistics(values: NDArray[Any]) -> Statistics:
    images, height, width, channels = values.shape
    sums, squares = np.empty((images, channels)), np.empty((images, channels))
    kernels.channel_sums(values, sums, squares)
    total, total_squares = _totals(sums, squares)
    count = images * height * width * _processes()
    mean = total / count
    return Statistics(mean, (total_squares / count - mean * mean).clamp(min=0), count)


@torch.no_grad()
def _update_running(norm: nn.BatchNorm2d, batch: Statistics, weight_sums: Tensor) -> None:
    """As nn.BatchNorm2d would have done with the +-1 values."""
    assert norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None
    norm.num_batches_tracked += 1
    momentum = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_((2 * batch.mean).float() - weight_sums, momentum)
    norm.running_var.lerp_((4 * batch.variance * (batch.values / max(1, batch.values - 1))).float(), momentum)


@torch.no_grad()
def _with_running_statistics(values: Tensor, norm: nn.BatchNorm2d, weight_sums: Tensor, side: int, kind: int) -> Tensor:
    assert norm.running_mean is not None and norm.running_var is not None
    slopes = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    offsets = norm.bias.double() - slopes * (norm.running_mean.double() + weight_sums)
    codes, _ = _activated(_numbers(values), 2 * slopes, offsets, side, kind)
    return codes


def _activated(numbers: NDArray[Any], slopes: Tensor, offsets: Tensor, side: int, kind: int) -> tuple[Tensor, NDArray[np.uint8]]:
    images, height, width, channels = numbers.shape
    shape = (images, height // side, width // side, channels)
    codes, out = _empty(shape, numbers)
    places = np.empty(shape, np.uint8)
    kernels.pool_activate(numbers, slopes.float().numpy(), offsets.float().numpy(), side, kind, out, places)
    return codes, places


class _NormaliseActivate(torch.autograd.Function):
    """See `normalise_activate`; in training mode."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, slope: Tensor, offset: Tensor, norm: nn.BatchNorm2d, weight_sums: Tensor, side: int, kind: int
    ) -> Tensor:
        numbers = _numbers(values)
        batch = _batch_statistics(numbers)
        _update_running(norm, batch, weight_sums)
        deviation = (batch.variance + norm.eps / 4).sqrt()
        slopes = slope.detach().double() / deviation
        offsets = offset.detach().double() - batch.mean * slopes
        codes, places = _activated(numbers, slopes, offsets, side, kind)
        ctx.numbers, ctx.places, ctx.slopes, ctx.offsets = numbers, places, slopes, offsets
        ctx.batch, ctx.deviation, ctx.side, ctx.kind = batch, deviation, side, kind
        return codes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        incoming = _numbers(gradients[0].to(torch.bfloat16 if ctx.numbers.dtype == np.uint16 else torch.float32))
        images, _, _, channels = ctx.numbers.shape
        sums, products = np.empty((images, channels)), np.empty((images, channels))
        common = (incoming, ctx.numbers, ctx.places, ctx.slopes.float().numpy(), ctx.offsets.float().numpy())
        kernels.gradient_sums(*common, ctx.batch.mean.float().numpy(), ctx.side, ctx.kind, sums, products)
        # Through mean and variance: slope * (g - mean(g) - (value - mean) * mean(g * (value - mean)) / variance).
        total, total_products = _totals(sums, products)
        factors = ctx.slopes * total_products / ctx.batch.values / ctx.deviation**2
        constants = ctx.slopes * total / ctx.batch.values - factors * ctx.batch.mean
        result, out = _empty(ctx.numbers.shape, ctx.numbers)
        kernels.value_gradients(*common, constants.float().numpy(), factors.float().numpy(), ctx.side, ctx.kind, out)
        of_slope = torch.from_numpy(products.sum(0)) / ctx.deviation
        return result, of_slope.float(), torch.from_numpy(sums.sum(0)).float(), None, None, None, None


_normalise_activate: Callable[..., Tensor] = _NormaliseActivate.apply
