"""The network that is trained: thermometer, binary blocks from a layer table, binary scores.

A block is shuffle -> convolution -> BatchNorm -> max-pool -> sign, and a logic skip if its layer has one. Pooling before the sign
computes the same bits as an OR-pool after it, since the sign never falls: sign(max(x)) = max(sign(x)). It is written in
this order because the gradient then goes to the largest normalised value instead of to an arbitrary one among equal signs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.binary import ACTIVATIONS, BinaryConv2d, BinaryLinear, ChannelShuffle, OrPool
from models.encodings import BitPlanes, Ramps
from models.layer_table import Conv, Layer, Linear, Shape, layer_shapes
from models.logic_skip import SKIPS, MuxSkip
from models.thermometer import LearnedThermometer


class ConvBlock(nn.Module):
    """Signs [N, C, H, W] to signs [N, filters, H', W']; `layer.kernel // 2` pixels of -1 around."""

    def __init__(self, layer: Conv, channels: int, activation: str = "clipped") -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.shuffle = ChannelShuffle(layer.groups) if layer.shuffle and layer.groups > 1 else None
        self.conv = BinaryConv2d(channels, layer.filters, layer.kernel, layer.stride, layer.groups)
        self.norm = nn.BatchNorm2d(layer.filters)
        self.pool = OrPool(layer.pool) if layer.pool > 1 else None
        self.skip = SKIPS[layer.skip](layer.filters) if layer.skip else None

    def forward(self, signs: Tensor) -> Tensor:
        entered = signs
        if self.shuffle is not None:
            signs = self.shuffle(signs)
        values = self.norm(self.conv(signs))
        signs = self.activation(values if self.pool is None else self.pool(values))
        return signs if self.skip is None else self.skip(signs, entered)


class LinearBlock(nn.Module):
    """Signs [N, ...] of K values an image to signs [N, features]."""

    def __init__(self, layer: Linear, inputs: int, activation: str = "clipped") -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.linear = BinaryLinear(inputs, layer.features)
        self.norm = nn.BatchNorm1d(layer.features)

    def forward(self, signs: Tensor) -> Tensor:
        return self.activation(self.norm(self.linear(signs.flatten(1))))


class BinaryNet(nn.Module):
    """Images [N, C, H, W] of values 0..255 to scores float32 [N, classes], each the exact integer 2 * popcount - K.

    `input_shape`: (C, H, W) of the image; `levels`: thresholds a colour; `layers`: the table; `classes`: number of classes;
    `thresholds`: where the thermometer starts, float [C, T]; `shared`: one set of thresholds for all colours; `encoding`:
    "thermometer", or "bit-planes" or "ramps" of `models.encodings`; `activation`: a name of `models.binary.ACTIVATIONS`.
    Raises TableError where a layer does not fit.
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
        self.thermometer: LearnedThermometer | BitPlanes | Ramps
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
        signs = self.thermometer(images)
        if (
            self.training
        ):  # faster on processors; in eval mode the plain layout, so that every sum is done as the exported model does it
            signs = signs.contiguous(memory_format=torch.channels_last)
        scores: Tensor = self.classifier(self.blocks(signs).flatten(1))
        return scores

    def logits(self, images: Tensor) -> Tensor:
        """Scores times the temperature: float32 [N, classes]."""
        logits: Tensor = self(images) * self.log_temperature.exp()
        return logits

    def binary_weights(self) -> list[nn.Parameter]:
        """The latent weights of every binary layer, and of every multiplexer's selections, in order."""
        return [module.weight for module in self.modules() if isinstance(module, BinaryConv2d | BinaryLinear | MuxSkip)]

    def use_real_weights(self, real: bool) -> None:
        """Whether the layers multiply with real weights instead of their signs: the first of two stages, and the float teacher."""
        for module in self.modules():
            if isinstance(module, BinaryConv2d | BinaryLinear):
                module.real = real

    @torch.no_grad()
    def clip_latents(self) -> None:
        """Clips the latent weights to [-1, 1]; to be called after each optimiser step."""
        for weight in self.binary_weights():
            weight.clamp_(-1, 1)
