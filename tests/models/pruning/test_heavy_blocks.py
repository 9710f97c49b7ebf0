"""Mixed blocks: each end of the mix is one of the two networks to the bit, and nothing of the heavy one stays."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from owlbit.models.layer_table import Conv, Layer, Linear, TableError
from owlbit.models.networks.binary_net import BinaryNet, ConvBlock
from owlbit.models.networks.brevitas_twin import brevitas_twin
from owlbit.models.pruning.heavy_blocks import MixedBlock, add_heavy, heavy_chains, mix_weight, remove_heavy, set_mix
from random_nets import random_weights, smooth_images

IMAGE = (2, 12, 10)
SHAPE = (6, 12, 10)
LAYERS: tuple[Layer, ...] = (
    Conv(8, pool=2),
    Conv(16, groups=4, shuffle=True, stride=2, pool=2),
    Conv(16, groups=8, kernel=1),
    Linear(9),
)


def images(count: int = 24) -> torch.Tensor:
    return smooth_images(count, IMAGE, torch.Generator().manual_seed(5))


def mixed(groups: int = 1, depth: int = 1, activation: str = "clipped") -> BinaryNet:
    torch.manual_seed(0)
    net = BinaryNet(IMAGE, 3, LAYERS, 5, activation=activation)
    add_heavy(net, SHAPE, LAYERS, heavy_chains(LAYERS, groups, depth))
    return random_weights(net, 1)


def test_only_light_layers_get_a_heavy_chain() -> None:
    chains = heavy_chains(LAYERS, 2, depth=2)
    assert chains == {
        1: (Conv(16, groups=2, shuffle=True, stride=2), Conv(16, groups=2)),
        2: (Conv(16, groups=2, kernel=1), Conv(16, groups=2, kernel=1)),
    }
    assert heavy_chains(LAYERS, 1)[1] == (Conv(16, stride=2),)
    assert [type(block).__name__ for block in mixed(4).blocks] == ["ConvBlock", "ConvBlock", "MixedBlock", "LinearBlock"]


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("train", [False, True])
def test_either_end_of_the_mix_is_one_branch_to_the_bit(depth: int, train: bool) -> None:
    net = mixed(depth=depth).train(train)
    signs = net.blocks[0](net.thermometer(images())).detach()
    block = net.blocks[1]
    assert isinstance(block, MixedBlock)
    set_mix(net, 0.0)
    light = block(signs)
    np.testing.assert_array_equal(light.detach(), block.light(signs).detach())
    set_mix(net, 1.0)
    heavy = signs
    for each in block.heavy:
        assert isinstance(each, ConvBlock)
        heavy = each(heavy)
    heavy = F.max_pool2d(heavy, 2)
    np.testing.assert_array_equal(block(signs).detach(), heavy.detach())
    set_mix(net, 0.5)
    between = block(signs)
    agreed = light == heavy
    assert (~agreed).any() and ((between == heavy) & ~agreed).any() and ((between == light) & ~agreed).any()


def test_what_is_left_is_the_light_network_without_a_trace() -> None:
    net = mixed()
    set_mix(net, 0.0)
    before = net(images()).detach()
    weights = [id(weight) for weight in net.binary_weights()]
    assert any("heavy" in name for name in net.state_dict())
    remove_heavy(net)
    np.testing.assert_array_equal(net(images()).detach(), before)
    plain = BinaryNet(IMAGE, 3, LAYERS, 5)
    assert net.state_dict().keys() == plain.state_dict().keys()
    plain.load_state_dict(net.state_dict())
    np.testing.assert_array_equal(plain.eval()(images()).detach(), before)
    np.testing.assert_array_equal(brevitas_twin(net)(images().float()).detach(), before)
    assert {id(weight) for weight in net.binary_weights()} < set(weights)


def test_a_network_with_heavy_blocks_is_not_exported() -> None:
    net = mixed()
    assert "expected plain blocks, which is what the hardware computes, got a MixedBlock" in net.undeployable
    with pytest.raises(ValueError, match="expected plain blocks, got a MixedBlock; remove heavy blocks first"):
        brevitas_twin(net)
    remove_heavy(net)
    assert net.undeployable == ""


def test_every_convolution_has_a_transfer_point_heavy_or_not() -> None:
    net = mixed(depth=2)
    set_mix(net, 0.4)
    logits, points = net.logits_and_points(images())
    np.testing.assert_array_equal(logits.detach(), net.logits(images()).detach())
    assert [tuple(point.shape[1:]) for point in points] == [(8, 6, 5), (16, 1, 1), (16, 1, 1)]


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("real", [False, True])
def test_fast_form_computes_the_same(train: bool, real: bool) -> None:
    net = mixed(depth=2, activation="triangular").train(train)
    block = net.blocks[1]
    assert isinstance(block, MixedBlock)
    set_mix(net, 0.3)
    signs = net.blocks[0](net.thermometer(images())).detach()
    if real:  # a real network's sums are rounded in bfloat16: only how nearly the two agree can be asked
        net.use_real_weights(True)
    slow = block(signs).detach()
    fast = 2 * block.fast_forward(((signs + 1) / 2).bfloat16()).float() - 1
    if real:
        assert float((slow == fast).float().mean()) > 0.98
    else:
        np.testing.assert_array_equal(slow, fast.detach())


@pytest.mark.parametrize(("mix", "light", "heavy"), [(1.0, False, True), (0.5, True, True), (0.0, True, False)])
def test_gradients_follow_the_mix(mix: float, light: bool, heavy: bool) -> None:
    net = mixed().train()
    set_mix(net, mix)
    torch.autograd.backward(F.cross_entropy(net.logits(images()), torch.arange(24) % 5))
    block = net.blocks[1]
    assert isinstance(block, MixedBlock) and isinstance(block.heavy[0], ConvBlock)
    for conv, reached in ((block.light.conv, light), (block.heavy[0].conv, heavy)):
        assert conv.weight.grad is not None
        assert bool(conv.weight.grad.any()) == reached


def test_weight_falls_from_one_to_exactly_zero() -> None:
    weights = [mix_weight(step / 100) for step in range(130)]
    assert weights[0] == 1.0 and weights[50] == pytest.approx(0.5) and weights[100:] == [0.0] * 30
    assert all(a > b for a, b in itertools.pairwise(weights[:101]))
    with pytest.raises(ValueError, match=r"expected a weight of 0 to 1, got 1\.5"):
        set_mix(mixed(), 1.5)


def test_a_real_network_stays_real() -> None:
    net = BinaryNet(IMAGE, 3, LAYERS, 5)
    net.use_real_weights(True)
    add_heavy(net, SHAPE, LAYERS, heavy_chains(LAYERS, 1))
    assert all(module.real for name, module in net.named_modules() if name.endswith("conv"))


def test_a_chain_that_does_not_fit_is_named() -> None:
    net = BinaryNet(IMAGE, 3, LAYERS, 5)
    with pytest.raises(ValueError, match=r"layer 1: expected a heavy chain that makes a map \(16, 3, 3\), got \(16, 6, 5\)"):
        add_heavy(net, SHAPE, LAYERS, {1: (Conv(16),)})
    with pytest.raises(ValueError, match=r"layer 3: expected a light convolution to mix a heavy one with, got a LinearBlock"):
        add_heavy(net, SHAPE, LAYERS, {3: (Conv(9),)})
    with pytest.raises(TableError, match=r"expected a divisor of the 8 input channels, got 3 groups"):
        add_heavy(net, SHAPE, LAYERS, heavy_chains(LAYERS, 3))
