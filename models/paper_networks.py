"""The networks of papers as plain data: what a recipe's [network] may say, and variants that papers compare. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from owlbit.models.recipe_keys import OneOf, key

WIDTH = 64  # filters of ResNet-18's first stage, at width 1
XNOR_SMALLEST_SIDE = 8  # of an image: three poolings make it 1
RESNET9_SMALLEST_SIDE = 16  # of an image: three or four halvings leave a map for its second block
SCALES = ("learned", "mean", "abs-mean", "none")


Stem = Annotated[str, OneOf("3x3 convolution, or 7x7 at stride 2 with 3x3 max-pooling at stride 2", ("cifar", "imagenet"))]
Scale = Annotated[str, OneOf("scale of the outputs of binary convolutions", SCALES)]


@dataclass(frozen=True)
class ResNet18:
    """ResNet-18 with binary 3x3 convolutions (Martinez et al., "Real-to-Binary", 2020).

    `scale`: see `owlbit.models.layers.scaled_conv`.
    """

    stem: Stem = "cifar"
    downsample: Annotated[str, OneOf("type of the 1x1 convolutions in the shortcuts", ("real", "binary"))] = "real"
    double_skip: Annotated[bool, key("a skip around every convolution, not every second one")] = True
    gate_reduction: Annotated[int, key("reduction r of the gates; 0 for none", 0, WIDTH)] = 8
    scale: Scale = "learned"
    width: Annotated[float, key("factor on the filters of ResNet-18, 64 to 512", 1 / 64, 8)] = 1.0


@dataclass(frozen=True)
class FloatResNet18:
    """ResNet-18 in real numbers (He et al., 2016), the teacher."""

    stem: Stem = "cifar"
    width: Annotated[float, key("factor on the filters of ResNet-18, 64 to 512", 1 / 64, 8)] = 1.0


@dataclass(frozen=True)
class Xnor:
    """A VGG-like network in the layers of XNOR-Net (Rastegari et al., 2016): first and last layer real, others binary."""

    scale: Scale = "mean"
    input_scale: Annotated[bool, key("also multiply by K, the mean magnitude of the inputs in a window")] = False
    width: Annotated[float, key("factor on the filters of its six convolutions, 128, 128, 256, 256, 512, 512", 1 / 64, 8)] = 1.0


@dataclass(frozen=True)
class ResNet9:
    """A residual network of nine layers in real numbers, a teacher that trains within minutes."""

    width: Annotated[float, key("factor on its filters, 64 to 512", 1 / 64, 8)] = 1.0


NetworkTable = ResNet18 | FloatResNet18 | ResNet9 | Xnor

# By the names of `owlbit.models.costs.published.VARIANTS`, the rows of Real-to-Binary's Table 1, each with the stem that
# it is counted with.
RESNET18_VARIANTS: dict[str, ResNet18 | FloatResNet18] = {
    "float": FloatResNet18("imagenet"),
    "bnn": ResNet18("imagenet", "binary", double_skip=False, gate_reduction=0, scale="none"),
    "xnor": ResNet18("imagenet", "binary", double_skip=False, gate_reduction=0, scale="mean"),
    "double_skip": ResNet18("imagenet", "binary", gate_reduction=0),
    "bireal": ResNet18("imagenet", gate_reduction=0),
    "real_to_binary": ResNet18("imagenet"),
}


def filters(table: NetworkTable, full: int) -> int:
    """The number of filters of a layer that has `full` at width 1. Raises ValueError where it is no whole number, or 0."""
    scaled = full * table.width
    if scaled != int(scaled) or scaled < 1:
        raise ValueError(f"expected a width that makes a whole number of {full} filters, got {table.width}, which makes {scaled}")
    return int(scaled)
