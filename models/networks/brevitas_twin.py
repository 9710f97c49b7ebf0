"""The same network in Brevitas' own layers: what is exported to QONNX, and what proves the light layers right."""

from __future__ import annotations

import copy
from typing import Any

import brevitas.nn as qnn
import torch
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from torch import Tensor, nn

from owlbit.models.layers.binary import BinaryConv2d, BinaryLinear, ChannelShuffle, OrPool, Sign
from owlbit.models.layers.thermometer import LearnedThermometer
from owlbit.models.networks.binary_net import BinaryNet, ConvBlock, LinearBlock


class BinaryWeight(SignedBinaryWeightPerTensorConst):  # type: ignore[misc]
    """1 bit, scale 1: the weights +1 and -1."""

    scaling_const = 1.0


class BinaryActivation(SignedBinaryActPerTensorConst):  # type: ignore[misc]
    """1 bit, scale 1: the activations +1 and -1."""

    scaling_const = 1.0


def brevitas_twin(net: BinaryNet, *, pool_first: bool = False) -> nn.Sequential:
    """A Brevitas model with copies of `net`'s weights, in the same mode, giving the same integer scores bit for bit.

    Float32 images [N, C, H, W] of values 0..255 to scores float32 [N, classes]. It is one list of layers that
    `brevitas.export.export_qonnx` takes, flat but for blocks with a logic skip (`SkippedBlock`): the thermometer as a fixed 1x1
    convolution (pixel + 0.5 - integer threshold) and a 1-bit activation, explicit padding of -1, and conv -> BatchNorm -> sign ->
    max-pool; with `pool_first` the training order, max-pool before sign, whose gradients then are those of `net`. Raises
    ValueError where `net` does not begin with a thermometer or has heavy blocks.
    """
    if not isinstance(net.thermometer, LearnedThermometer):
        raise ValueError(f"expected a network with a thermometer, got one with {type(net.thermometer).__name__}")
    twin = nn.Sequential(_thermometer(net.thermometer), _sign())
    for block in net.blocks:
        if isinstance(block, ConvBlock):
            layers = _conv_block(block, pool_first)
            twin.extend(layers if block.skip is None else [SkippedBlock(layers, copy.deepcopy(block.skip))])
        elif isinstance(block, LinearBlock):
            twin.extend([nn.Flatten(), _linear(block.linear), _norm(block.norm), _sign()])
        else:
            raise ValueError(f"expected plain blocks, got a {type(block).__name__}; remove heavy blocks first")
    twin.extend([nn.Flatten(), _linear(net.classifier)])
    return twin.train(net.training)


def with_brevitas_layers(module: nn.Module) -> nn.Module:
    """A copy of any module with Brevitas' layers in place of ours, giving the same values; all others stay as they are.

    Replaced are `LearnedThermometer`, `BinaryConv2d`, `BinaryLinear` and `Sign`, however deep in the module. Raises ValueError
    for one that multiplies with real weights.
    """
    twin: nn.Module = _replaced(copy.deepcopy(module))
    return twin


def _replaced(module: nn.Module) -> Any:
    if isinstance(module, BinaryConv2d | BinaryLinear) and module.real:
        raise ValueError(f"expected binary weights, got a {type(module).__name__} with real ones; set its `real` to False")
    if isinstance(module, LearnedThermometer):
        return nn.Sequential(_thermometer(module), _sign())
    if isinstance(module, BinaryConv2d):
        return nn.Sequential(nn.ConstantPad2d(module.padding, -1.0), _conv(module)) if module.padding else _conv(module)
    if isinstance(module, BinaryLinear):
        return _linear(module)
    if isinstance(module, Sign):
        return _sign()
    for name, child in module.named_children():
        setattr(module, name, _replaced(child))
    return module


class SkippedBlock(nn.Module):
    """A block's layers one after the other, and the logic skip of what they make and what they read."""

    def __init__(self, layers: list[nn.Module], skip: nn.Module) -> None:
        super().__init__()
        self.block = nn.Sequential(*layers)
        self.skip = skip

    def forward(self, signs: Tensor) -> Any:
        return self.skip(self.block(signs), signs)


def _conv_block(block: ConvBlock, pool_first: bool) -> list[nn.Module]:
    """The layers of a block, its logic skip left out."""
    layers: list[nn.Module] = [] if block.shuffle is None else [ChannelShuffle(block.shuffle.groups)]
    if block.conv.padding:
        layers.append(nn.ConstantPad2d(block.conv.padding, -1.0))
    layers += [_conv(block.conv), _norm(block.norm)]
    pool = [] if block.pool is None else [OrPool(block.pool.side)]
    return layers + ([*pool, _sign()] if pool_first else [_sign(), *pool])


def _thermometer(thermometer: LearnedThermometer) -> nn.Conv2d:
    colours, levels = thermometer.colours, thermometer.levels
    conv = nn.Conv2d(colours, colours * levels, 1, groups=colours)
    with torch.no_grad():
        conv.weight.fill_(1.0)
        # Half a grey level below the threshold: pixel == threshold is clearly positive, and every number is exact in float32.
        conv.bias = nn.Parameter(0.5 - thermometer.integer_thresholds().flatten())
    return conv.requires_grad_(False)


def _conv(conv: BinaryConv2d) -> Any:
    filters, per_group, kernel, _ = conv.weight.shape
    twin = qnn.QuantConv2d(
        per_group * conv.groups, filters, kernel, stride=conv.stride, groups=conv.groups, bias=False, weight_quant=BinaryWeight
    )
    with torch.no_grad():
        twin.weight.copy_(conv.weight)
    return twin


def _linear(linear: BinaryLinear) -> Any:
    features, inputs = linear.weight.shape
    twin = qnn.QuantLinear(inputs, features, bias=False, weight_quant=BinaryWeight)
    with torch.no_grad():
        twin.weight.copy_(linear.weight)
    return twin


def _norm(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> nn.Module:
    twin = type(norm)(norm.num_features, eps=norm.eps, momentum=norm.momentum)
    twin.load_state_dict(norm.state_dict())
    return twin


def _sign() -> Any:
    return qnn.QuantIdentity(act_quant=BinaryActivation)
