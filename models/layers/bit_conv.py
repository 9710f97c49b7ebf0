"""A convolution of bits 0 and 1 with weights -1 and +1, for training in float32: exact, and fast on every processor.

On a processor, the convolution counts the ones of packed words (`owlbit.models.layers.bit_count`), and both gradients are looked up
in tables of sums (`owlbit.models.layers.bit_sums`), in a third to a half of the time of float32 convolutions. For the backward pass
only words of the input are kept, one bit per value. Elsewhere it is torch's own convolution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from owlbit.models.layers import bit_count, bit_sums

SHORTEST = 8  # channels per thread: with fewer, the tables cost more than the look-ups


def bit_conv(bits: Tensor, weight: Tensor, stride: int, padding: int, groups: int) -> Tensor:
    """F.conv2d of `bits` with `weight`, zeros around the map: whole numbers, the same to the bit; gradients but for rounding.

    `bits`: float32 [N, C, H, W] of 0 and 1, best with channels innermost; `weight`: float32 [filters, C / groups, kernel, kernel]
    of -1 and +1. Returns float32 [N, filters, H', W'], channels innermost.
    """
    if bits.device.type != "cpu":
        return F.conv2d(bits, weight, None, stride, padding, 1, groups)
    return _bit_conv(bits, weight, stride, padding, groups)


class _BitConv(torch.autograd.Function):
    """See `bit_conv`, on a processor."""

    @staticmethod
    def forward(ctx: Any, bits: Tensor, weight: Tensor, stride: int, padding: int, groups: int) -> Tensor:
        images, channels, rows, columns = bits.shape
        filters, own, kernel, _ = weight.shape
        out_rows, out_columns = ((side + 2 * padding - kernel) // stride + 1 for side in (rows, columns))
        values = _pixels(bits)
        ones = weight.detach().numpy() > 0
        words = np.empty((images, rows * columns, groups, -(-own // 64)), np.uint64)
        bit_count.pack_channels(values, words)
        counts = np.empty((images, out_rows * out_columns, filters), np.float32)
        ctx.size = (rows, columns, out_columns)
        width, across, bits_each = columns, kernel, own
        if kernel > 1 and kernel * own <= 64:
            joined = np.empty((images, rows * out_columns, groups, 1), np.uint64)
            bit_count.join_columns(words, ctx.size, stride, padding, kernel, own, joined)
            words, width, across, bits_each = joined, out_columns, 1, kernel * own
        taps = _tap_words(ones, groups)
        bit_count.count(words, taps, (rows, width, out_columns), stride, padding, kernel, across, bits_each, counts)
        ctx.stride, ctx.padding, ctx.groups, ctx.kernel, ctx.shape = stride, padding, groups, kernel, bits.shape
        if ctx.needs_input_grad[0]:
            ctx.filter_words = _filter_words(ones, groups)
        if ctx.needs_input_grad[1]:
            ctx.image_words = np.empty((-(-images // 32), rows * columns, channels), np.uint32)
            bit_sums.pack_images(values, ctx.image_words)
        return torch.from_numpy(counts).view(images, out_rows, out_columns, filters).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        incoming = _pixels(gradients[0])
        images, channels, rows, columns = ctx.shape
        groups, kernel, filters = ctx.groups, ctx.kernel, incoming.shape[2]
        own = channels // groups
        of_bits = of_weight = None
        if ctx.needs_input_grad[1]:
            sums = np.empty((filters, kernel * kernel, own), np.float32)
            chunk = _chunk(own, groups * -(-filters // groups // bit_sums.SPAN))
            bit_sums.sum_for_weights(ctx.image_words, incoming, ctx.size, ctx.stride, ctx.padding, kernel, groups, chunk, sums)
            of_weight = torch.from_numpy(sums).view(filters, kernel, kernel, own).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[0]:
            sums = np.empty((images, rows * columns, channels), np.float32)
            chunk = _chunk(own, groups * -(-images // bit_sums.SPAN))
            bit_sums.sum_for_inputs(ctx.filter_words, incoming, ctx.size, ctx.stride, ctx.padding, kernel, chunk, sums)
            of_bits = torch.from_numpy(sums).view(images, rows, columns, channels).permute(0, 3, 1, 2)
        return of_bits, of_weight, None, None, None


_bit_conv: Callable[..., Tensor] = _BitConv.apply


def _pixels(tensor: Tensor) -> NDArray[np.float32]:
    """[N, C, H, W] as [N, H * W, C], sharing its memory where channels are innermost."""
    innermost = tensor.detach().permute(0, 2, 3, 1).contiguous()
    pixels: NDArray[np.float32] = innermost.numpy().reshape(len(innermost), -1, innermost.shape[3])
    return pixels


def _tap_words(ones: NDArray[np.bool_], groups: int) -> NDArray[np.uint64]:
    """Bits [filters, C / groups, kernel, kernel] as the words of `bit_count.count`."""
    own, size = len(ones) // groups, ones[0].size
    spans, length = -(-own // bit_count.LANES), -(-size // 64)
    bits = np.zeros((groups, spans * bit_count.LANES, length * 64), np.bool_)
    bits[:, :own, :size] = ones.transpose(0, 2, 3, 1).reshape(groups, own, size)
    words = np.packbits(bits, axis=2, bitorder="little").view("<u8").reshape(groups, spans, bit_count.LANES, length)
    return np.ascontiguousarray(words.swapaxes(2, 3))


def _filter_words(ones: NDArray[np.bool_], groups: int) -> NDArray[np.uint32]:
    """Bits [filters, C / groups, kernel, kernel] as words [groups, ceil(filters / groups / 32), taps, C / groups]."""
    filters, channels, kernel, _ = ones.shape
    own, taps = filters // groups, kernel * kernel
    spans = -(-own // 32)
    bits = np.zeros((groups, spans * 32, taps, channels), np.bool_)
    bits[:, :own] = ones.reshape(groups, own, channels, taps).swapaxes(2, 3)
    octets = np.packbits(bits.reshape(groups, spans, 32, taps, channels), axis=2, bitorder="little")
    return np.ascontiguousarray(octets.transpose(0, 1, 3, 4, 2)).view("<u4")[..., 0]


def _chunk(channels: int, tasks: int) -> int:
    """How many channels of a group one thread works at, so that all threads have work; the sums do not depend on it."""
    chunk = channels
    while tasks * -(-channels // chunk) < numba.get_num_threads() and chunk > SHORTEST:
        chunk = -(-chunk // 2)
    return chunk
