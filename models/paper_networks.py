"""The networks of papers as plain data: what a recipe's [network] may say, and variants that papers compare. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 64  # filters of ResNet-18's first stage, at width 1
XNOR_SMALLEST_SIDE = 8  # of an image: three poolings make it 1
RESNET9_SMALLEST_SIDE = 16  # of an image: three or four halvings leave a map for its second block
SCALES = ("learned", "mean", "abs-mean", "none")


@dataclass(frozen=True)
class ResNet18:
    """ResNet-18 with binary 3x3 convolutions (Martinez et al., "Real-to-Binary", 2020).

    `stem`: "cifar" (3x3 convolution) or "imagenet" (7x7 at stride 2, then 3x3 max-pooling at stride 2); `downsample`: the 1x1
    convolutions of the shortcuts, "real" or "binary"; `double_skip`: a skip around every convolution, not around every second;
    `gate_reduction`: r of the gates, 0 for none; `scale`: what the outputs of binary convolutions are multiplied with, see
    `owlbit.models.layers.scaled_conv`; `width`: times the filters of ResNet-18, 64 to 512.
    """

    stem: str = "cifar"
    downsample: str = "real"
    double_skip: bool = True
    gate_reduction: int = 8
    scale: str = "learned"
    width: float = 1.0


@dataclass(frozen=True)
class FloatResNet18:
    """ResNet-18 in real numbers (He et al., 2016), the teacher: `stem` and `width` as in `ResNet18`."""

    stem: str = "cifar"
    width: float = 1.0


@dataclass(frozen=True)
class Xnor:
    """A VGG-like network in the layers of XNOR-Net (Rastegari et al., 2016): first convolution and last layer real, others binary.

    `scale`: as in `ResNet18`; `input_scale`: multiply by K too, the mean magnitude of what a window reads; `width`: times the
    filters of its six convolutions, 128, 128, 256, 256, 512, 512.
    """

    scale: str = "mean"
    input_scale: bool = False
    width: float = 1.0


@dataclass(frozen=True)
class ResNet9:
    """A residual network of nine layers in real numbers, a teacher that trains within minutes.

    `width`: times its filters, 64 to 512.
    """

    width: float = 1.0


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
    """How many filters a layer has that at width 1 has `full`. Raises ValueError where that is no whole number, or none."""
    scaled = full * table.width
    if scaled != int(scaled) or scaled < 1:
        raise ValueError(f"expected a width that makes a whole number of {full} filters, got {table.width}, which makes {scaled}")
    return int(scaled)
