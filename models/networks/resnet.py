"""ResNet-18 with binary convolutions and gates, after Real-to-Binary, and the float ResNet-18 that teaches it.

Martinez et al., "Training binary neural networks with real-to-binary convolutions" (ICLR 2020): BatchNorm -> sign -> binary
convolution -> scale (times gate) -> PReLU, and the skip is added last. With `double_skip` off the skip goes around two such units,
and ReLU follows it in place of the PReLUs. First convolution, last layer and normalisations are real; so are the gates and, if
`downsample` says so, the shortcuts.

Ours: borders are padded with -1, as everywhere here; without a scale a BatchNorm stands in its place wherever a skip is added,
since sums of hundreds of signs would drown it; a binary shortcut normalises its input before the sign.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from owlbit.models import paper_networks as tables
from owlbit.models.layer_table import Shape
from owlbit.models.layers.binary import conv2d
from owlbit.models.layers.encodings import Pixels
from owlbit.models.layers.scaled_conv import ScaledConv
from owlbit.models.networks.trainable import Activated, Trainable, real_valued

STAGES, BLOCKS = 4, 2


class Gate(nn.Module):
    """Float [N, C, H, W] to factors [N, F, 1, 1] in 0..1: mean over the map, C to max(1, C // r), ReLU, to F, sigmoid; no biases.

    After Real-to-Binary; that there are no biases is the choice of its reimplementation in larq/zoo.
    """

    def __init__(self, channels: int, filters: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.reduce = nn.Linear(channels, hidden, bias=False)
        self.expand = nn.Linear(hidden, filters, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        factors: Tensor = self.expand(F.relu(self.reduce(values.mean((2, 3))))).sigmoid()
        return factors[:, :, None, None]


class BinaryUnit(Activated):
    """Float [N, C, H, W] to float [N, F, H', W']: BatchNorm, sign, binary 3x3 convolution, scale and gate, PReLU; no skip.

    `before_skip`: whether a skip is added to the output.
    """

    def __init__(
        self, channels: int, filters: int, stride: int, table: tables.ResNet18, activation: str, before_skip: bool
    ) -> None:
        super().__init__(activation)
        self.norm = nn.BatchNorm2d(channels)
        self.conv = ScaledConv(channels, filters, 3, stride, table.scale)
        self.gate = Gate(channels, filters, table.gate_reduction) if table.gate_reduction else None
        self.after = nn.BatchNorm2d(filters) if table.scale == "none" and before_skip else None
        self.prelu = nn.PReLU(filters) if table.double_skip else None

    def forward(self, values: Tensor) -> Tensor:
        normalised = self.norm(values)
        output: Tensor = self.conv(self.activation(normalised))
        if self.gate is not None:
            output = output * self.gate(normalised)
        if self.after is not None:
            output = self.after(output)
        return output if self.prelu is None else self.prelu(output)


class BinaryShortcut(Activated):
    """Float [N, C, H, W] to float [N, F, H', W'], half the size: BatchNorm, sign, binary 1x1 convolution, scale, BatchNorm.

    `pool`: take means of 2x2 before the sign instead of every second pixel.
    """

    def __init__(self, channels: int, filters: int, scale: str, activation: str, pool: bool) -> None:
        super().__init__(activation)
        self.norm = nn.BatchNorm2d(channels)
        self.pool = _mean_pool() if pool else None
        self.conv = ScaledConv(channels, filters, 1, 1 if pool else 2, scale)
        self.after = nn.BatchNorm2d(filters)

    def forward(self, values: Tensor) -> Tensor:
        values = self.norm(values)
        output: Tensor = self.after(self.conv(self.activation(values if self.pool is None else self.pool(values))))
        return output


def _mean_pool() -> nn.AvgPool2d:
    return nn.AvgPool2d(2, ceil_mode=True)  # an odd map becomes as large as a convolution at stride 2 leaves it


class PointConv(nn.Conv2d):
    """A 1x1 convolution without bias; see `owlbit.models.layers.binary.conv2d`."""

    def forward(self, values: Tensor) -> Tensor:
        return conv2d(values, self.weight, self.stride[0])


def _real_shortcut(channels: int, filters: int, pool: bool) -> nn.Sequential:
    conv = PointConv(channels, filters, 1, 1 if pool else 2, bias=False)
    return nn.Sequential(*([_mean_pool()] if pool else []), conv, nn.BatchNorm2d(filters))


class BinaryBlock(nn.Module):
    """Float [N, C, H, W] to float [N, F, H', W']: two binary units, and a skip around each or around both."""

    def __init__(self, channels: int, filters: int, stride: int, table: tables.ResNet18, activation: str) -> None:
        super().__init__()
        self.double_skip = table.double_skip
        self.first = BinaryUnit(channels, filters, stride, table, activation, table.double_skip)
        self.second = BinaryUnit(filters, filters, 1, table, activation, True)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 and table.downsample == "real":
            self.shortcut = _real_shortcut(channels, filters, table.double_skip)
        elif stride > 1:
            self.shortcut = BinaryShortcut(channels, filters, table.scale, activation, table.double_skip)

    def forward(self, values: Tensor) -> Tensor:
        skip: Tensor = self.shortcut(values)
        if self.double_skip:
            middle: Tensor = self.first(values) + skip
            output: Tensor = middle + self.second(middle)
            return output
        output = skip + self.second(self.first(values))
        return F.relu(output)


class FloatBlock(nn.Module):
    """Float [N, C, H, W] to float [N, F, H', W']: the basic block of He et al. (2016)."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(filters)
        self.shortcut = _real_shortcut(channels, filters, pool=False) if stride > 1 else nn.Identity()

    def forward(self, values: Tensor) -> Tensor:
        output: Tensor = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(values)))))
        output = output + self.shortcut(values)
        return F.relu(output)


class ResNet18(Trainable):
    """Images [N, C, H, W] of values 0..255 to scores float32 [N, classes]; see `Trainable`.

    `input_shape`: (C, H, W); `table`: which ResNet-18; `activation`: of the binary convolutions' input, a name of
    `owlbit.models.networks.trainable.ACTIVATIONS`. Its eight transfer points are the ends of its blocks of two convolutions, binary
    and float alike. Raises ValueError on a scale, stem, downsampling or width that there is not.
    """

    def __init__(
        self, input_shape: Shape, classes: int, table: tables.ResNet18 | tables.FloatResNet18, activation: str = "clipped"
    ) -> None:
        super().__init__()
        self.input_shape = input_shape
        self.table = table
        self.thermometer = Pixels(input_shape[0])
        if isinstance(table, tables.ResNet18) and table.downsample not in ("real", "binary"):
            raise ValueError(f"expected downsample to be real or binary, got {table.downsample}")
        channels = tables.filters(table, tables.WIDTH)
        self.stem = _stem(table.stem, input_shape[0], channels)
        self.blocks = nn.Sequential()
        for stage in range(STAGES):
            for block in range(BLOCKS):
                filters, stride = tables.filters(table, tables.WIDTH << stage), 2 if stage and not block else 1
                if isinstance(table, tables.ResNet18):
                    self.blocks.append(BinaryBlock(channels, filters, stride, table, activation))
                else:
                    self.blocks.append(FloatBlock(channels, filters, stride))
                channels = filters
        self.classifier = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.blocks(self.stem(self.thermometer(images))).mean((2, 3)))
        return scores

    def logits_and_points(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        values: Tensor = self.stem(self.thermometer(images))
        points = []
        for block in self.blocks:
            values = block(values)
            points.append(values)
        return self.classifier(values.mean((2, 3))), points

    @property
    def undeployable(self) -> str:
        table = self.table
        if isinstance(table, tables.FloatResNet18):
            return real_valued("float-resnet18", "all of whose layers are real-valued")
        shortcuts = ["shortcuts"] if table.downsample == "real" else []
        gates = ["gates"] if table.gate_reduction else []
        scales = ["scales"] if table.scale != "none" else []
        parts = ", ".join(["first convolution", *shortcuts, *gates, *scales])
        return real_valued("resnet18", f"whose {parts}, last layer and skips are real-valued")


def _stem(kind: str, colours: int, filters: int) -> nn.Sequential:
    if kind == "cifar":
        return nn.Sequential(nn.Conv2d(colours, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU())
    if kind == "imagenet":
        conv = nn.Conv2d(colours, filters, 7, 2, 3, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    raise ValueError(f"expected a stem out of cifar, imagenet, got {kind}")
