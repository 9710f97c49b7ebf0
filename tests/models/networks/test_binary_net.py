"""The trained network: integer scores, layer by layer what the specification says, and equal to its Brevitas twin bit for bit."""

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from owlbit.export.network import BinaryConv, ChannelShuffle, OrPool
from owlbit.hw import reference
from owlbit.models.layer_table import Conv, Layer, Linear, TableError, layer_shapes, macs, weight_bits
from owlbit.models.layers.binary import BinaryConv2d, BinaryLinear, sign
from owlbit.models.layers.binary import ChannelShuffle as Shuffle
from owlbit.models.layers.binary import OrPool as TorchOrPool
from owlbit.models.layers.logic_skip import MuxSkip
from owlbit.models.networks.binary_net import BinaryNet, ConvBlock
from owlbit.models.networks.brevitas_twin import brevitas_twin
from random_nets import random_weights, smooth_images

TABLES: dict[str, tuple[tuple[int, int, int], int, tuple[Layer, ...]]] = {
    "demo-like": ((1, 16, 16), 4, (Conv(16, pool=2), Conv(32, groups=2, pool=2), Conv(32, groups=4, shuffle=True))),
    "colour, odd shapes": (
        (3, 13, 10),
        3,
        (Conv(12, kernel=1), Conv(12, groups=12, stride=2, shuffle=True), Conv(8, groups=2, pool=3)),
    ),
    "unpadded": ((1, 11, 9), 4, (Conv(8, padding=False), Conv(12, stride=2, groups=2, padding=False), Conv(6), Linear(9))),
    "logic skips": (
        (1, 9, 8),
        8,
        (
            Conv(8, skip="or"),
            Conv(8, groups=2, shuffle=True, skip="xor"),
            Conv(8, groups=4, shuffle=True, skip="mux"),
            Conv(8, pool=2),
        ),
    ),
    "hidden linear": ((1, 8, 8), 1, (Conv(8, pool=2), Linear(20), Linear(12))),
}


def images_for(shape: tuple[int, int, int], count: int = 24) -> torch.Tensor:
    return smooth_images(count, shape, torch.Generator().manual_seed(5))


def net_for(name: str, seed: int = 3) -> BinaryNet:
    shape, levels, layers = TABLES[name]
    return random_weights(BinaryNet(shape, levels, layers, 7), seed)


def make_slopes_hard(net: BinaryNet) -> None:
    """Negative, zero and tiny slopes, and biases that put the switch on an integer."""
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            with torch.no_grad():
                norm.weight[0::4] *= -1
                norm.weight[1::4] = 0.0
                norm.weight[2::8] = 1e-30
                norm.weight[6::8] = -1e-12
                norm.bias[2::8] = 0.0
                norm.bias[3::4] = 0.0
                assert norm.running_mean is not None
                norm.running_mean[3::4].round_()


def test_sign_of_zero_is_plus_one_and_gradient_is_clipped() -> None:
    values = torch.tensor([-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 1.5], requires_grad=True)
    signs = sign(values)
    np.testing.assert_array_equal(signs.detach().numpy(), [-1, -1, 1, 1, 1, 1, 1])
    torch.autograd.backward(signs.sum())
    assert values.grad is not None
    np.testing.assert_array_equal(values.grad.numpy(), [0, 1, 1, 1, 1, 1, 0])


def test_convolution_shuffle_and_pool_follow_the_specification() -> None:
    generator = torch.Generator().manual_seed(2)
    conv = BinaryConv2d(12, 18, kernel=3, stride=2, groups=3)
    signs = torch.where(torch.rand(2, 12, 9, 7, generator=generator) < 0.5, -1.0, 1.0)
    bits = (signs > 0).numpy().astype(np.uint8)
    weights = (conv.weight >= 0).numpy().astype(np.uint8)
    values = conv(signs).detach().numpy()
    for threshold in (50 // 3, 18, 20):
        layer = BinaryConv(weights, np.full(18, threshold), groups=3, stride=(2, 2), padding=(1, 1, 1, 1))
        np.testing.assert_array_equal((values + 36) / 2 >= threshold, reference.binary_conv(layer, bits))
    shuffled = reference.run_layer(ChannelShuffle.of_groups(12, 3), bits)
    np.testing.assert_array_equal(Shuffle(3)(signs).numpy() > 0, shuffled)
    np.testing.assert_array_equal(TorchOrPool(2)(signs).numpy() > 0, reference.or_pool(OrPool(), bits))


@pytest.mark.parametrize("name", TABLES)
def test_scores_are_two_popcounts_minus_fan_in(name: str) -> None:
    net = net_for(name)
    scores = net(images_for(net.input_shape)).detach().numpy()
    fan_in = net.classifier.weight.shape[1]
    assert (np.abs(scores) <= fan_in).all()
    np.testing.assert_array_equal((scores + fan_in) % 2, 0)
    assert len(np.unique(scores)) > 4


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("hard", [False, True])
def test_brevitas_twin_gives_the_same_scores_bit_for_bit(name: str, hard: bool) -> None:
    net = net_for(name)
    if hard:
        make_slopes_hard(net)
    images = images_for(net.input_shape)
    scores = net(images).detach().numpy()
    twin = brevitas_twin(net)
    np.testing.assert_array_equal(twin(images.float()).detach().numpy(), scores)
    with torch.no_grad():
        net.classifier.weight[0, 0] *= -1
    assert (net(images).detach().numpy()[:, 0] != scores[:, 0]).all()  # one flipped weight is seen


@pytest.mark.parametrize("name", TABLES)
def test_brevitas_twin_gives_the_same_weight_gradients(name: str) -> None:
    """Training mode, the same order of layers and of sums (plain memory layout): scores and gradients equal to the last bit."""
    net = net_for(name).train()
    twin = brevitas_twin(net, pool_first=True)
    images = images_for(net.input_shape)
    labels = torch.arange(len(images)) % 7
    own = net.classifier(net.blocks(net.thermometer(images).clone(memory_format=torch.contiguous_format)).flatten(1))
    other = twin(images.float())
    np.testing.assert_array_equal(own.detach().numpy(), other.detach().numpy())
    for scores in (own, other):
        torch.autograd.backward(F.cross_entropy(scores * 0.05, labels))
    kinds = (qnn.QuantConv2d, qnn.QuantLinear, MuxSkip)
    theirs = [module.weight.grad for module in twin.modules() if isinstance(module, kinds)]
    for mine, their in zip(net.binary_weights(), theirs, strict=True):
        assert mine.grad is not None and isinstance(their, torch.Tensor)
        assert mine.grad.abs().max() > 0
        np.testing.assert_array_equal(mine.grad.numpy(), their.numpy())


def test_pooling_before_the_sign_is_an_or_pool_after_it() -> None:
    net = net_for("demo-like")
    make_slopes_hard(net)
    images = images_for(net.input_shape).float()
    np.testing.assert_array_equal(brevitas_twin(net, pool_first=True)(images).detach(), brevitas_twin(net)(images).detach())


def test_random_weights_are_balanced_and_hang_on_the_seed() -> None:
    net, same, other = net_for("demo-like", 3), net_for("demo-like", 3), net_for("demo-like", 4)
    images = images_for(net.input_shape)
    np.testing.assert_array_equal(net(images).detach(), same(images).detach())
    assert (net(images) != other(images)).any()
    signs = net.thermometer(images)
    for block in net.blocks:
        signs = block(signs)
        assert 0.2 < float((signs > 0).float().mean()) < 0.9  # an OR-pool raises the share
    slopes = torch.cat([norm.weight for norm in net.modules() if isinstance(norm, nn.BatchNorm2d)])
    assert (slopes < 0).any() and (slopes > 0).any()


def test_latents_are_clipped() -> None:
    net = net_for("hidden linear")
    with torch.no_grad():
        net.classifier.weight.mul_(10)
    net.limit_latents()
    assert float(net.classifier.weight.detach().abs().max()) == 1.0


def test_weight_bits_counts_every_binary_weight() -> None:
    for name, (shape, levels, layers) in TABLES.items():
        bits = weight_bits((shape[0] * levels, *shape[1:]), layers, 7)
        assert bits == sum(weight.numel() for weight in net_for(name).binary_weights())


@pytest.mark.parametrize(
    ("layers", "key", "message"),
    [
        ((Conv(16), Conv(16, groups=3)), "groups", "divisor of the 16 input channels, got 3"),
        ((Conv(15, groups=4),), "groups", "divisor of the 15 filters, got 4"),
        ((Conv(16, pool=2), Conv(16, pool=5)), "pool", "fits the 4x4 map, got 5x5"),
        ((Conv(16, kernel=2),), "kernel", "odd kernel, got 2"),
        ((Conv(16, pool=4), Conv(16, padding=False)), "kernel", "fits the 2x2 map without padding, got 3x3"),
        ((Linear(4), Conv(4)), "kind", "no convolution after a linear layer"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(layers: tuple[Layer, ...], key: str, message: str) -> None:
    with pytest.raises(TableError, match=message) as caught:
        layer_shapes((4, 8, 8), layers)
    assert caught.value.key == key
    assert caught.value.index == len(layers) - 1


def test_an_unpadded_convolution_reads_nothing_from_outside() -> None:
    block = ConvBlock(Conv(4, padding=False), 2)
    signs = torch.where(torch.rand(3, 2, 5, 6, generator=torch.Generator().manual_seed(1)) < 0.5, -1.0, 1.0)
    kernels = torch.where(block.conv.weight >= 0, 1.0, -1.0)
    np.testing.assert_array_equal(block.conv(signs).detach(), F.conv2d(signs, kernels))
    assert block(signs).shape == (3, 4, 3, 4)
    assert layer_shapes((2, 5, 6), (Conv(4, padding=False), Conv(4, 1, padding=False))) == [(4, 3, 4), (4, 3, 4)]
    assert macs((2, 5, 6), (Conv(4, padding=False, stride=2),)) == 4 * 2 * 9 * (2 * 2)


def test_linear_layer_is_a_signed_dot_product() -> None:
    linear = BinaryLinear(6, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[0.5, -0.5, 0.0, 0.1, -0.1, 1.0], [-1.0] * 6]))
    np.testing.assert_array_equal(linear(torch.ones(1, 6)).detach(), [[2.0, -6.0]])
