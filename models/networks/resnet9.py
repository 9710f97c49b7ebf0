"""ResNet-9, the float network that teaches: eight convolutions in two residual blocks and one linear layer, trained within minutes.

The shape is that of the nine-layer residual networks which won DAWNBench's time-to-accuracy competition on CIFAR-10; with GELU and
a factor of 1/8 on its logits, which keeps the first losses small (both ours). Images of more than 64 pixels a side begin with a
convolution at stride 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from owlbit.models import paper_networks as tables
from owlbit.models.layer_table import Shape
from owlbit.models.layers.encodings import Pixels
from owlbit.models.networks.trainable import Trainable, real_valued

LARGE_SIDE = 64
LOGIT_SCALE = 1 / 8


def _unit(inputs: int, outputs: int, pool: int = 1, stride: int = 1) -> nn.Sequential:
    parts = [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.GELU()]
    return nn.Sequential(*parts, *([nn.MaxPool2d(pool)] if pool > 1 else []))


class ResNet9(Trainable):
    """Images [N, C, H, W] of values 0..255 to scores float32 [N, classes]; see `Trainable`.

    `input_shape`: (C, H, W), sides of at least `tables.RESNET9_SMALLEST_SIDE`; `table`: its width. Its transfer points are the ends
    of its two residual blocks.
    """

    def __init__(self, input_shape: Shape, classes: int, table: tables.ResNet9) -> None:
        super().__init__()
        self.input_shape = input_shape
        self.table = table
        self.thermometer = Pixels(input_shape[0])
        width = tables.filters(table, tables.WIDTH)
        stride = 2 if max(input_shape[1:]) > LARGE_SIDE else 1
        self.stem, self.one = _unit(input_shape[0], width, 1, stride), _unit(width, 2 * width, 2)
        self.first = nn.Sequential(_unit(2 * width, 2 * width), _unit(2 * width, 2 * width))
        self.two, self.three = _unit(2 * width, 4 * width, 2), _unit(4 * width, 8 * width, 2)
        self.second = nn.Sequential(_unit(8 * width, 8 * width), _unit(8 * width, 8 * width))
        self.head = nn.Linear(8 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits_and_points(images)[0]

    def logits_and_points(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        values = self.thermometer(images).contiguous(memory_format=torch.channels_last)
        values = self.one(self.stem(values))
        first = values + self.first(values)
        values = self.three(self.two(first))
        second = values + self.second(values)
        logits: Tensor = self.head(second.amax((2, 3))).float() * LOGIT_SCALE
        return logits, [first, second]

    @property
    def undeployable(self) -> str:
        return real_valued("resnet9", "all of whose layers are real-valued")
