"""Block pruning: heavy convolutions stand in for the light grouped ones of the layer table at first, and fade out while training.

The idea (training with heavy blocks that are replaced by light grouped ones) is that of Nguyen and Guicquero, "End-to-end
fully-binarized network design: from Generic Learned Thermometer to Block Pruning", arXiv 2505.13462. Its equations, its schedule
and what it calls a block were not at hand: all below is our own reconstruction.

A mixed block has both branches between the same two maps. With h and l, what each branch's own BatchNorm gives, it computes

    y = sign(pool(a h + (1 - a) l)),        a from 1 to exactly 0.

Both are normalised before they are mixed, so neither drowns the other whatever its fan-in, and the mix stays within the window of
the sign's estimator. At a = 0 the block is the light one to the bit, and the heavy one is taken out.
`owlbit.models.pruning.filter_pruning` makes what is left smaller still.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from owlbit.models.layer_table import Conv, Layer, Shape, layer_shapes
from owlbit.models.layers.fused import plain_normalise
from owlbit.models.networks.binary_net import BinaryNet, ConvBlock


class MixedBlock(nn.Module):
    """Signs [N, C, H, W] to signs [N, filters, H', W']: `mix` of the chain `heavy` and 1 - `mix` of the block `light`.

    The last block of `heavy` makes the map that `light`'s convolution makes; its own activation is not used. `mix`, 0..1, hangs on
    the progress of the training alone and is no part of the state dict.
    """

    def __init__(self, light: ConvBlock, heavy: list[ConvBlock]) -> None:
        super().__init__()
        self.light = light
        self.heavy = nn.ModuleList(heavy)
        self.mix = 1.0

    def values(self, signs: Tensor) -> Tensor:
        """What the activation is taken of: float32 [N, filters, H', W']."""
        deep = signs
        for block in self.heavy[:-1]:
            deep = block(deep)
        return self._mixed(cast(ConvBlock, self.heavy[-1]).normalised(deep), self.light.normalised(signs))

    def activate(self, values: Tensor, entered: Tensor) -> Tensor:
        """The signs of `values`, after the logic skip of the light block if there is one."""
        return self.light.activate(values, entered)

    def forward(self, signs: Tensor) -> Tensor:
        return self.activate(self.values(signs), signs)

    def fast_forward(self, bits: Tensor) -> Tensor:
        """The same with bits 0 and 1 in place of signs, channels innermost; see `owlbit.models.layers.fused`."""
        deep = bits
        for block in self.heavy[:-1]:
            assert isinstance(block, ConvBlock)
            deep = block.fast_forward(deep)
        last = cast(ConvBlock, self.heavy[-1])
        heavy = plain_normalise(*last.fast_products(deep), last.norm)
        light = plain_normalise(*self.light.fast_products(bits), self.light.norm)
        values = self._mixed(heavy, light)
        return ((self.activate(values, 2 * bits - 1) + 1) / 2).to(bits.dtype, memory_format=torch.channels_last)

    def _mixed(self, heavy: Tensor, light: Tensor) -> Tensor:
        values = self.mix * heavy + (1 - self.mix) * light
        return values if self.light.pool is None else self.light.pool(values)


def mix_weight(progress: float) -> float:
    """a at a share `progress` of the annealing: 1 at 0, along half a cosine (slow at both ends), exactly 0 from 1 on."""
    return 0.5 * (1 + math.cos(math.pi * max(0.0, progress))) if progress < 1 else 0.0


def heavy_chains(layers: tuple[Layer, ...], groups: int, depth: int = 1) -> dict[int, tuple[Conv, ...]]:
    """The heavy chain for each light layer, by its index: every convolution of more than `groups` groups gets one of `depth`
    convolutions with `groups` groups. The first has the light one's stride and filters, those after it keep the size of the map."""
    return {
        index: (
            replace(layer, groups=groups, shuffle=layer.shuffle and groups > 1, pool=1, skip=""),
            *[Conv(layer.filters, layer.kernel, groups=groups)] * (depth - 1),
        )
        for index, layer in enumerate(layers)
        if isinstance(layer, Conv) and layer.groups > groups
    }


def add_heavy(net: BinaryNet, input_shape: Shape, layers: tuple[Layer, ...], chains: Mapping[int, tuple[Conv, ...]]) -> None:
    """Puts a mixed block, with new weights in its heavy chain, in the place of each block of `net` named in `chains`, in place.

    `input_shape`: (C, H, W) that the first of `layers` reads. Raises TableError where a chain does not fit, and ValueError where
    its map is not the light block's.
    """
    shapes = [input_shape, *layer_shapes(input_shape, layers)]
    for index, chain in chains.items():
        light, layer = net.blocks[index], layers[index]
        if not isinstance(light, ConvBlock) or not isinstance(layer, Conv):
            raise ValueError(f"layer {index}: expected a light convolution to mix a heavy one with, got a {type(light).__name__}")
        expected = layer_shapes(shapes[index], (replace(layer, pool=1, skip=""),))[-1]
        found = layer_shapes(shapes[index], chain)[-1]
        if found != expected:
            raise ValueError(f"layer {index}: expected a heavy chain that makes a map {expected}, got {found}")
        channels = [shapes[index][0], *(conv.filters for conv in chain)]
        heavy = [ConvBlock(conv, before, light.activation_name) for conv, before in zip(chain, channels, strict=False)]
        for block in heavy:
            block.conv.real = light.conv.real
        net.blocks[index] = MixedBlock(light, heavy).train(light.training)


def set_mix(net: BinaryNet, mix: float) -> None:
    """Sets the weight of every heavy chain of `net`."""
    if not 0 <= mix <= 1:
        raise ValueError(f"expected a weight of 0 to 1, got {mix}")
    for block in net.blocks:
        if isinstance(block, MixedBlock):
            block.mix = mix


def remove_heavy(net: BinaryNet) -> None:
    """Takes every heavy chain out of `net`, in place: what is left is an ordinary network, its parameters the same objects."""
    for index, block in enumerate(net.blocks):
        if isinstance(block, MixedBlock):
            net.blocks[index] = block.light
