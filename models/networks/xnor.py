"""A VGG-like network in the layers of XNOR-Net, with or without its scales: the baseline beside fully-binarised networks.

Rastegari et al., "XNOR-Net" (ECCV 2016): a layer is BatchNorm -> sign -> binary convolution -> max-pooling; first and last layer
are real. A filter's output is multiplied by alpha = mean |W| and, with `input_scale`, by K, so that the convolution of I with W is
about that of their signs times K alpha:

    A = mean over channels of |I|,    K = A convolved with k,    k a w x h kernel of 1 / (w h)

I being the layer's normalised input. With `scale` "none" and no K it is a plain binary network with real ends.
The topology is that known as VGG-small: two convolutions each of 128, 256 and 512 filters, a pooling after each pair, and one
linear layer.
"""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

from owlbit.models.layer_table import Shape
from owlbit.models.layers.encodings import Pixels
from owlbit.models.layers.scaled_conv import ScaledConv
from owlbit.models.networks.trainable import Activated, Trainable, real_valued
from owlbit.models.paper_networks import XNOR_SMALLEST_SIDE as SMALLEST_SIDE
from owlbit.models.paper_networks import Xnor, filters

WIDTHS = (128, 128, 256, 256, 512, 512)


def window_magnitudes(values: Tensor, kernel: int) -> Tensor:
    """K of XNOR-Net: float [N, C, H, W] to [N, 1, H, W], the mean magnitude over a window and all channels; zeros outside."""
    return F.avg_pool2d(values.abs().mean(1, keepdim=True), kernel, 1, kernel // 2)


class XnorBlock(Activated):
    """Float [N, C, H, W] to float [N, F, H', W']: BatchNorm, sign, binary 3x3 convolution, scales, 2x2 max-pooling if `pool`."""

    def __init__(self, channels: int, features: int, table: Xnor, activation: str, pool: bool) -> None:
        super().__init__(activation)
        self.norm = nn.BatchNorm2d(channels)
        self.conv = ScaledConv(channels, features, 3, scale=table.scale)
        self.input_scale = table.input_scale
        self.pool = nn.MaxPool2d(2) if pool else None

    def forward(self, values: Tensor) -> Tensor:
        normalised = self.norm(values)
        output: Tensor = self.conv(self.activation(normalised))
        if self.input_scale:
            output = output * window_magnitudes(normalised, 3)
        return output if self.pool is None else self.pool(output)


class XnorNet(Trainable):
    """Images [N, C, H, W] of values 0..255, H and W at least 8, to scores float32 [N, classes]; see `Trainable`.

    Its five transfer points are the outputs of the binary convolutions, scaled and pooled. Raises ValueError on smaller images,
    and on a scale or width that there is not.
    """

    def __init__(self, input_shape: Shape, classes: int, table: Xnor, activation: str = "clipped") -> None:
        super().__init__()
        if min(input_shape[1:]) < SMALLEST_SIDE:
            raise ValueError(f"expected images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE}, got {input_shape[1]}x{input_shape[2]}")
        self.input_shape = input_shape
        self.scaled = table.scale != "none" or table.input_scale
        self.thermometer = Pixels(input_shape[0])
        widths = [filters(table, width) for width in WIDTHS]
        self.stem = nn.Conv2d(input_shape[0], widths[0], 3, padding=1, bias=False)
        self.blocks = nn.Sequential()
        for index, (channels, features) in enumerate(itertools.pairwise(widths)):
            self.blocks.append(XnorBlock(channels, features, table, activation, pool=index % 2 == 0))
        self.norm = nn.BatchNorm2d(widths[-1])
        height, width = input_shape[1] // SMALLEST_SIDE, input_shape[2] // SMALLEST_SIDE
        self.classifier = nn.Linear(widths[-1] * height * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits_and_points(images)[0]

    def logits_and_points(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        values: Tensor = self.stem(self.thermometer(images))
        points = []
        for block in self.blocks:
            values = block(values)
            points.append(values)
        logits: Tensor = self.classifier(F.relu(self.norm(values)).flatten(1))
        return logits, points

    @property
    def undeployable(self) -> str:
        parts = "first convolution, scales and last layer" if self.scaled else "first convolution and last layer"
        return real_valued("xnor", f"whose {parts} are real-valued")
