"""The network that is trained: thermometer, binary blocks from a layer table, binary scores.

A block is shuffle -> convolution -> BatchNorm -> max-pool -> sign, and a logic skip if its layer has one. Pooling before the sign
computes the same bits as an OR-pool after it, since the sign never falls: sign(max(x)) = max(sign(x)). It is written in
this order because the gradient then goes to the largest normalised value instead of to an arbitrary one among equal signs.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from owlbit.models.layer_table import Conv, Layer, Linear, Shape, layer_shapes
from owlbit.models.layers.binary import SIGNS, BinaryConv2d, BinaryLinear, ChannelShuffle, OrPool, conv2d, effective_weight
from owlbit.models.layers.bit_conv import bit_conv
from owlbit.models.layers.encodings import BitPlanes, Ramps
from owlbit.models.layers.fused import normalise_activate
from owlbit.models.layers.logic_skip import SKIPS, MuxSkip
from owlbit.models.layers.thermometer import LearnedThermometer
from owlbit.models.networks.trainable import Activated, Trainable


class ConvBlock(Activated):
    """Signs [N, C, H, W] to signs [N, filters, H', W']; `layer.kernel // 2` pixels of -1 around, or none."""

    def __init__(self, layer: Conv, channels: int, activation: str = "clipped") -> None:
        super().__init__(activation)
        self.shuffle = ChannelShuffle(layer.groups) if layer.shuffle and layer.groups > 1 else None
        self.conv = BinaryConv2d(channels, layer.filters, layer.kernel, layer.stride, layer.groups)
        self.conv.padding *= layer.padding
        self.norm = nn.BatchNorm2d(layer.filters)
        self.pool = OrPool(layer.pool) if layer.pool > 1 else None
        self.skip = SKIPS[layer.skip](layer.filters) if layer.skip else None

    def normalised(self, signs: Tensor) -> Tensor:
        """What is pooled: float32 [N, filters, H, W]."""
        if self.shuffle is not None:
            signs = self.shuffle(signs)
        normalised: Tensor = self.norm(self.conv(signs))
        return normalised

    def values(self, signs: Tensor) -> Tensor:
        """What the activation is taken of: float32 [N, filters, H', W']."""
        values = self.normalised(signs)
        return values if self.pool is None else self.pool(values)

    def join(self, signs: Tensor, entered: Tensor) -> Tensor:
        """What leaves the block, after its logic skip if there is one."""
        if self.skip is None:
            return signs
        joined: Tensor = self.skip(signs, entered)
        return joined

    def activate(self, values: Tensor, entered: Tensor) -> Tensor:
        """The signs of `values`, joined with the map that entered if there is a logic skip."""
        return self.join(self.activation(values), entered)

    def forward(self, signs: Tensor) -> Tensor:
        return self.activate(self.values(signs), signs)

    def fast_products(self, bits: Tensor) -> tuple[Tensor, Tensor]:
        """What the convolution makes of bits 0 and 1, [N, filters, H, W] of their type, and each filter's sum of weights."""
        shuffled = bits if self.shuffle is None else self.shuffle(bits)
        weight = effective_weight(self.conv.weight, self.conv.real, self.conv.tau)
        multiplied = weight.to(bits.dtype, memory_format=torch.channels_last)
        geometry = (self.conv.stride, self.conv.padding)
        if bits.dtype == torch.float32 and not self.conv.real and self.activation_name in SIGNS:
            products = bit_conv(shuffled, multiplied, *geometry, self.conv.groups)
        else:
            products = conv2d(shuffled, multiplied, *geometry, self.conv.groups)
        return products, weight.detach().sum((1, 2, 3))

    def fast_forward(self, bits: Tensor) -> Tensor:
        """The same with bits 0 and 1 in place of signs, channels innermost; see `owlbit.models.layers.fused`."""
        products, sums = self.fast_products(bits)
        side = 1 if self.pool is None else self.pool.side
        after = normalise_activate(products, self.norm, sums, side, self.activation_name)
        if self.skip is None:
            return after
        return ((self.join(2 * after - 1, 2 * bits - 1) + 1) / 2).to(bits.dtype)


class LinearBlock(Activated):
    """Signs [N, ...] of K values per image to signs [N, features]."""

    def __init__(self, layer: Linear, inputs: int, activation: str = "clipped") -> None:
        super().__init__(activation)
        self.linear = BinaryLinear(inputs, layer.features)
        self.norm = nn.BatchNorm1d(layer.features)

    def forward(self, signs: Tensor) -> Tensor:
        activated: Tensor = self.activation(self.norm(self.linear(signs.flatten(1))))
        return activated

    def fast_forward(self, bits: Tensor) -> Tensor:
        """The same with bits 0 and 1 in place of signs."""
        signs: Tensor = self(2 * bits.flatten(1).float() - 1)
        return ((signs + 1) / 2).to(bits.dtype)


class BinaryNet(Trainable):
    """Images [N, C, H, W] of values 0..255 to scores float32 [N, classes], each the exact integer 2 * popcount - K.

    `input_shape`: (C, H, W) of the image; `levels`: thresholds per colour; `layers`: the table; `classes`: number of classes;
    `thresholds`: where the thermometer starts, float [C, T]; `shared`: one set of thresholds for all colours; `encoding`:
    "thermometer", or "bit-planes" or "ramps" of `owlbit.models.layers.encodings`; `activation`: a name of
    `owlbit.models.layers.binary.ACTIVATIONS`. Raises TableError where a layer does not fit.
    The loss is taken on `logits`, the scores times a learned positive temperature, which the hardware has no need of.
    """

    def __init__(
        self,
        input_shape: Shape,
        levels: int,
        layers: tuple[Layer, ...],
        classes: int,
        thresholds: Tensor | None = None,
        *,
        shared: bool = False,
        encoding: str = "thermometer",
        activation: str = "clipped",
    ) -> None:
        super().__init__()
        colours, height, width = input_shape
        self.input_shape = input_shape
        if encoding == "thermometer":
            self.thermometer = LearnedThermometer(colours, levels, thresholds, shared=shared)
        else:
            self.thermometer = {"bit-planes": BitPlanes, "ramps": Ramps}[encoding](colours, levels)
        shape = (colours * levels, height, width)
        self.blocks = nn.Sequential()
        for layer, after in zip(layers, layer_shapes(shape, layers), strict=True):
            size = shape[0] * shape[1] * shape[2]
            if isinstance(layer, Conv):
                self.blocks.append(ConvBlock(layer, shape[0], activation))
            else:
                self.blocks.append(LinearBlock(layer, size, activation))
            shape = after
        fan_in = shape[0] * shape[1] * shape[2]
        self.classifier = BinaryLinear(fan_in, classes)
        # Scores of random signs have a standard deviation of sqrt(K); this makes the first logits of order one.
        self.log_temperature = nn.Parameter(torch.tensor(float(fan_in)).log() * -0.5)

    def forward(self, images: Tensor) -> Tensor:
        if self.fast is not None:
            return self._fast_forward(images, self.fast)
        scores: Tensor = self.classifier(self.blocks(self._signs(images)).flatten(1))
        return scores

    def _signs(self, images: Tensor) -> Tensor:
        signs: Tensor = self.thermometer(images)
        # Channels innermost is faster on processors; in eval mode every sum is done as the exported model does it.
        return signs.contiguous(memory_format=torch.channels_last) if self.training else signs

    def _fast_forward(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        bits = self.thermometer.bits(images, dtype)
        for block in self.blocks:
            bits = cast(ConvBlock, block).fast_forward(bits)  # every kind of block has it
        # The scores are integers beyond what bfloat16 holds.
        scores: Tensor = self.classifier(2 * bits.flatten(1).float() - 1)
        return scores

    def logits(self, images: Tensor) -> Tensor:
        """Scores times the temperature: float32 [N, classes]."""
        logits: Tensor = self(images) * self.log_temperature.exp()
        return logits

    def binary_weights(self) -> list[nn.Parameter]:
        """The latent weights of every binary layer, and of every multiplexer's selections, in order."""
        return [module.weight for module in self.modules() if isinstance(module, BinaryConv2d | BinaryLinear | MuxSkip)]

    def logits_and_points(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """A transfer point is what the activation of a convolution's block is taken of: of signs the energy is the same everywhere.

        Hidden linear layers have none, since a map of one pixel has only one distribution of attention.
        """
        signs = self._signs(images)
        points = []
        for block in self.blocks:
            if isinstance(block, LinearBlock):
                signs = block(signs)
            else:
                conv = cast(ConvBlock, block)  # or a mixed block, which has the same two methods
                points.append(conv.values(signs))
                signs = conv.activate(points[-1], signs)
        logits: Tensor = self.classifier(signs.flatten(1)) * self.log_temperature.exp()
        return logits, points

    @property
    def undeployable(self) -> str:
        if isinstance(self.thermometer, Ramps):
            return (
                'training.numbers: expected "binary", which is what the hardware computes, got "real": a float network can be '
                "trained, measured and be a teacher, but not exported"
            )
        if isinstance(self.thermometer, BitPlanes):
            return (
                'input.encoding: expected thresholds, which is what the hardware compares pixels with, got "bit-planes": such a '
                'network can be trained and measured but not exported; train with encoding "learned", "quantile" or "uniform"'
            )
        mixed = [type(block).__name__ for block in self.blocks if not isinstance(block, ConvBlock | LinearBlock)]
        if mixed:
            return f"expected plain blocks, which is what the hardware computes, got a {mixed[0]}; it goes when its annealing ends"
        real = [block.activation_name for block in self.blocks if block.activation_name not in SIGNS]
        return f"expected signs between the layers, which is what the hardware computes, got {real[0]}" if real else ""
