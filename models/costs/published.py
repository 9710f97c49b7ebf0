"""Costs of published networks: ResNet-18 in the six variants of Real-to-Binary's Table 1, and FINN's CNV_1W1A. Imports no torch.

Martinez et al., "Training binary neural networks with real-to-binary convolutions" (2020), Table 1, prints BOPs and FLOPs at
3x224x224 but not what they count. Convolutions alone fix the BOPs, the step from double skip to Bi-Real (the 1x1 shortcuts become
real), and that from Bi-Real to Real-to-Binary is the gates with their pooling. The elementwise operations are our inference: a
small set from which all six printed FLOPs follow to the last digit. BOPs are 1,695,547,392 with binary shortcuts, which the paper
prints as 1.695e9, cut where 1.696e9 would be nearest; FLOPs are rounded.

| operation | FLOPs | where |
|---|---|---|
| batch normalisation | 3 an element | after every convolution |
| sign | 1 an element | BNN: the output of every 3x3 convolution; XNOR and later: its input |
| ReLU | 1 an element | stem; float: after every 3x3 convolution; BNN, XNOR: after a block |
| PReLU | 1 an element | double skip and later: after every skip |
| addition of a skip | 1 an element | of a block; with double skip of every 3x3 convolution |
| max pooling 3x3 | 8 comparisons an output element | stem |
| average pooling 7x7 | 1 an input element | before the linear layer |
| scale | 1 an element | XNOR and later: the output of 3x3 convolutions and of shortcuts |
| average pooling 2x2 | 4 an output element | double skip and later: the input of shortcuts |
| gate | 1 an element pooled, 1 a weight | Real-to-Binary: C to C/8 to C' for every 3x3 convolution; then part of the scale |

That a real shortcut is scaled too (175,616 FLOPs) has no other support than the digits.
"""

from __future__ import annotations

from dataclasses import dataclass

from owlbit.models.costs.operations import OperationCost, Tally
from owlbit.models.layer_table import Shape

NORMALISATION_FLOPS = 3
GATE_REDUCTION = 8


@dataclass(frozen=True)
class Variant:
    """What a ResNet-18 has: binary 3x3 convolutions, real 1x1 shortcuts, scales, a skip for every convolution, gates."""

    binary: bool = True
    real_shortcut: bool = False
    scaled: bool = True
    double_skip: bool = True
    gated: bool = False


VARIANTS = {
    "float": Variant(binary=False, real_shortcut=True, scaled=False, double_skip=False),
    "bnn": Variant(scaled=False, double_skip=False),
    "xnor": Variant(double_skip=False),
    "double_skip": Variant(),
    "bireal": Variant(real_shortcut=True),
    "real_to_binary": Variant(real_shortcut=True, gated=True),
}


def resnet18_costs(variant: Variant, input_shape: Shape = (3, 224, 224), classes: int = 1000) -> list[OperationCost]:
    """Every operation of ResNet-18 with the ImageNet stem, in order; see the module for what counts.

    Parameters: weights, 2 a channel of a normalisation (folded), 1 a channel of a scale or PReLU, the bias of the linear layer.
    """
    tally = Tally()
    shape = tally.conv("stem.conv", input_shape, 64, 7, stride=2, padding=3, binary=False)
    tally.each("stem.normalisation", shape, NORMALISATION_FLOPS, parameters=2)
    shape = tally.pool("stem.pool", tally.each("stem.relu", shape), 3, 2, 1, flops=8)
    for stage in range(4):
        for block in range(2):
            stride = 2 if stage and not block else 1
            shape = _block(tally, f"stage{stage + 1}.block{block + 1}", shape, 64 << stage, stride, variant)
    tally.each("pool", shape)
    tally.linear("linear", (shape[0], 1, 1), classes, binary=False, bias=True)
    return tally.rows


def _block(tally: Tally, name: str, shape: Shape, filters: int, stride: int, variant: Variant) -> Shape:
    before = shape
    for number in (1, 2):
        part = f"{name}.conv{number}"
        if variant.gated:
            _gate(tally, part, shape, filters)
        if variant.scaled:
            tally.each(f"{part}.sign", shape, bits=1)
        shape = tally.conv(part, shape, filters, 3, stride=stride if number == 1 else 1, padding=1, binary=variant.binary)
        _finish_conv(tally, part, shape, variant)
        if variant.binary and not variant.scaled:
            tally.each(f"{part}.sign", shape, bits=1)
        if number == 1 and stride > 1:
            _shortcut(tally, f"{name}.shortcut", before, filters, variant)
        if variant.double_skip or number == 2:
            tally.each(f"{part}.skip", shape)
        if variant.double_skip:
            tally.each(f"{part}.prelu", shape, parameters=1)
        elif number == 2 or not variant.binary:
            tally.each(f"{part}.relu", shape)
    return shape


def _shortcut(tally: Tally, name: str, shape: Shape, filters: int, variant: Variant) -> None:
    stride = 2
    if variant.double_skip:
        shape, stride = tally.pool(f"{name}.pool", shape, 2, 2, flops=4), 1
    after = tally.conv(name, shape, filters, 1, stride=stride, binary=not variant.real_shortcut)
    _finish_conv(tally, name, after, variant)


def _finish_conv(tally: Tally, name: str, shape: Shape, variant: Variant) -> None:
    if variant.scaled:
        tally.each(f"{name}.scale", shape, parameters=1)
    tally.each(f"{name}.normalisation", shape, NORMALISATION_FLOPS, parameters=2)


def _gate(tally: Tally, name: str, shape: Shape, filters: int) -> None:
    tally.each(f"{name}.gate.pool", shape)
    hidden = tally.linear(f"{name}.gate.reduce", (shape[0], 1, 1), shape[0] // GATE_REDUCTION, binary=False)
    tally.linear(f"{name}.gate.expand", hidden, filters, binary=False)


def cnv_costs(classes: int = 10) -> list[OperationCost]:
    """The convolutions and linear layers of FINN's CNV_1W1A at 3x32x32: six unpadded 3x3 convolutions, three linear layers.

    Weights are binary. The first convolution reads 8 bits per pixel, so its 1,555,200 multiply-accumulates count as FLOPs; the
    57,906,176 that Brevitas' bnn_pynq examples print are the binary ones alone. Topology: Umuroglu et al., "FINN" (2017).
    """
    tally = Tally()
    shape: Shape = (3, 32, 32)
    for number, filters in enumerate((64, 64, 128, 128, 256, 256), 1):
        shape = tally.conv(f"conv{number}", shape, filters, 3, binary=number > 1, binary_weights=True)
        if number in (2, 4):
            shape = tally.pool(f"pool{number // 2}", shape, 2, 2, flops=0)
    for number, features in enumerate((512, 512, classes), 1):
        shape = tally.linear(f"linear{number}", shape, features, binary=True)
    return tally.rows
