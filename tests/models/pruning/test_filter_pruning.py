"""Removing filters: the smaller network is the larger one without the removed channels, to the bit, and keeps the budget."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from owlbit.models.layer_table import Conv, Layer, Linear, Shape, weight_bits
from owlbit.models.networks.binary_net import BinaryNet, ConvBlock, LinearBlock
from owlbit.models.networks.brevitas_twin import brevitas_twin
from owlbit.models.pruning.filter_pruning import (
    Budget,
    BudgetError,
    Plan,
    filter_importance,
    keep_channels,
    narrower,
    plan_removal,
    shrink,
    table_in,
    width,
)
from owlbit.models.pruning.heavy_blocks import add_heavy, heavy_chains
from random_nets import random_weights, smooth_images

# Image, thresholds, layers, and how many channels each layer keeps.
CASES: dict[str, tuple[Shape, int, tuple[Layer, ...], tuple[int, ...]]] = {
    "dense": ((1, 12, 12), 4, (Conv(16, pool=2), Conv(12)), (8, 4)),
    "groups, shuffled": (
        (1, 12, 12),
        4,
        (Conv(32, pool=2), Conv(32, groups=4, shuffle=True), Conv(48, groups=4, shuffle=True, stride=2)),
        (16, 16, 32),
    ),
    "groups that change": (
        (3, 9, 11),
        2,
        (Conv(24, groups=3), Conv(24, groups=2, shuffle=True), Conv(64, groups=4), Conv(16, groups=8, shuffle=True, kernel=1)),
        (12, 16, 32, 8),
    ),
    "hidden linear": ((1, 8, 8), 3, (Conv(16, pool=2), Linear(20), Linear(12)), (8, 10, 12)),
}


def case(name: str) -> tuple[BinaryNet, tuple[Layer, ...], Plan, Tensor]:
    """A random network, its table, a plan by random importance, and images."""
    shape, levels, layers, widths = CASES[name]
    torch.manual_seed(0)
    net = random_weights(BinaryNet(shape, levels, layers, 5), 3)
    generator = torch.Generator().manual_seed(9)
    scores = [torch.rand(width(layer), generator=generator, dtype=torch.float64) for layer in layers]
    plan = tuple(keep_channels(layers, i, scores[i], channels) for i, channels in enumerate(widths))
    return net, layers, plan, smooth_images(24, shape, generator)


def mask(channels: int, kept: tuple[int, ...]) -> Tensor:
    result = torch.zeros(channels)
    result[list(kept)] = 1
    return result


@pytest.mark.parametrize("name", CASES)
def test_smaller_network_is_the_larger_one_without_the_removed_channels(name: str) -> None:
    net, layers, plan, images = case(name)
    smaller, table = shrink(net, layers, plan)
    assert [width(layer) for layer in table] == list(CASES[name][3])
    signs = large = net.thermometer(images)
    present = torch.ones(signs.shape[1])  # of the larger network's channels, 1 for those that are kept
    for block, narrow, kept in zip(net.blocks, smaller.blocks, plan, strict=True):
        if isinstance(block, ConvBlock):
            padded = F.pad(large, (block.conv.padding,) * 4, value=-1.0) * present.view(1, -1, 1, 1)
            shuffled = padded if block.shuffle is None else block.shuffle(padded)
            weight = torch.where(block.conv.weight >= 0, 1.0, -1.0)
            values = block.norm(F.conv2d(shuffled, weight, stride=block.conv.stride, groups=block.conv.groups))
            large = torch.where((values if block.pool is None else block.pool(values)) >= 0, 1.0, -1.0)
        else:
            assert isinstance(block, LinearBlock)
            values = block.linear((large * present.view(1, -1, *[1] * (large.ndim - 2))).flatten(1))
            large = torch.where(block.norm(values) >= 0, 1.0, -1.0)
        signs = narrow(signs)
        present = mask(large.shape[1], kept)
        np.testing.assert_array_equal(signs.detach(), large[:, list(kept)].detach())
    scores = net.classifier((large * present.view(1, -1, *[1] * (large.ndim - 2))).flatten(1))
    np.testing.assert_array_equal(smaller(images).detach(), scores.detach())
    assert len(scores.detach().unique()) > 3


@pytest.mark.parametrize("name", CASES)
def test_smaller_network_is_an_ordinary_one_of_its_table(name: str) -> None:
    net, layers, plan, images = case(name)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    smaller, table = shrink(net, layers, plan)
    shape, levels, _, _ = CASES[name]
    fresh = BinaryNet(shape, levels, table, 5)
    fresh.load_state_dict(smaller.state_dict())
    scores = smaller(images).detach()
    np.testing.assert_array_equal(fresh.eval()(images).detach(), scores)
    np.testing.assert_array_equal(brevitas_twin(smaller)(images.float()).detach(), scores)
    assert table_in(smaller.state_dict(), layers) == table
    assert sum(weight.numel() for weight in smaller.binary_weights()) == weight_bits((shape[0] * levels, *shape[1:]), table, 5)
    torch.autograd.backward(F.cross_entropy(smaller.train().logits(images), torch.arange(24) % 5))
    assert all(parameter.grad is not None for parameter in smaller.parameters())
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)


def test_keeping_everything_changes_nothing() -> None:
    net, layers, _, images = case("groups that change")
    everything = tuple(keep_channels(layers, i, torch.zeros(width(layer)), width(layer)) for i, layer in enumerate(layers))
    assert everything == tuple(tuple(range(width(layer))) for layer in layers)
    same, table = shrink(net, layers, everything)
    assert table == layers
    np.testing.assert_array_equal(same(images).detach(), net(images).detach())


def test_the_most_important_of_each_cell_are_kept() -> None:
    layers = (Conv(8), Conv(4, groups=2))
    importance = torch.tensor([1.0, 9, 2, 3, 8, 7, 6, 5])  # the reader's groups are 0..3 and 4..7
    assert keep_channels(layers, 0, importance, 4) == (1, 3, 4, 5)
    shuffled = (Conv(8), Conv(4, groups=2, shuffle=True))  # and here 0, 1, 4, 5 and 2, 3, 6, 7; of four channels 0, 2 and 1, 3
    assert keep_channels(shuffled, 0, importance, 4) == (1, 6, 4, 7)
    with pytest.raises(ValueError, match=r"layer 0: expected one of the widths \[32\], got 24"):
        keep_channels((Conv(32, groups=4), Conv(16, groups=8, shuffle=True)), 0, torch.zeros(32), 24)


def test_widths_are_those_that_the_groups_allow() -> None:
    layers = (Conv(60, groups=3), Conv(40, groups=4, shuffle=True), Conv(40, groups=40))
    assert narrower(layers, 0, 4) == [48, 36, 24, 12]
    assert narrower(layers, 0, 16) == [48]
    assert narrower(layers, 1, 4) == narrower(layers, 2, 4) == []
    assert narrower((Conv(16),), 0, 16) == []


def test_importance_is_what_the_definition_says() -> None:
    net, _, _, images = case("groups, shuffled")
    labels = torch.arange(24) % 5
    net.fast = torch.bfloat16
    importance = filter_importance(net.train(), [(images[:10], labels[:10]), (images[10:], labels[10:])])
    assert net.training and net.fast == torch.bfloat16 and all(parameter.grad is None for parameter in net.parameters())
    net.fast = None
    net.eval()
    signs = net.blocks(net.thermometer(images)).detach()
    scale = net.log_temperature.detach().exp()
    weight = torch.where(net.classifier.weight >= 0, 1.0, -1.0).detach()
    error = F.softmax(net.logits(images).detach(), 1) - F.one_hot(labels, 5)
    products = signs * (error @ weight * scale).view_as(signs)
    np.testing.assert_allclose(importance[-1], products.sum((2, 3)).abs().mean(0), rtol=1e-5)
    assert [len(each) for each in importance] == [32, 32, 48]
    with pytest.raises(ValueError, match=r"expected at least one image to weigh filters with, got none"):
        filter_importance(net, [])


TABLE: tuple[Layer, ...] = (Conv(64), Conv(64, groups=4, shuffle=True), Conv(64, groups=4, shuffle=True))
SHAPE = (8, 6, 6)


def even(layers: tuple[Layer, ...] = TABLE) -> list[Tensor]:
    return [torch.ones(width(layer), dtype=torch.float64) for layer in layers]


def widths_of(plan: Plan) -> tuple[int, ...]:
    return tuple(len(kept) for kept in plan)


def cut(plan: Plan) -> tuple[Layer, ...]:
    widths = widths_of(plan)
    return (Conv(widths[0]), *(Conv(channels, groups=4, shuffle=True) for channels in widths[1:]))


def test_filters_go_until_the_budget_is_kept_and_no_longer() -> None:
    bits = weight_bits(SHAPE, TABLE, 5)
    budget = Budget(SHAPE, 5, bits=bits * 2 // 3)
    plan = plan_removal(TABLE, even(), budget)
    assert weight_bits(SHAPE, cut(plan), 5) <= budget.bits
    assert widths_of(plan) != (16, 16, 16)
    assert plan_removal(TABLE, even(), Budget(SHAPE, 5, bits=bits)) == tuple(tuple(range(64)) for _ in TABLE)


def test_what_is_unimportant_goes_first() -> None:
    for index in range(3):
        importance = even()
        importance[index] *= 1e-6
        plan = plan_removal(TABLE, importance, Budget(SHAPE, 5, bits=weight_bits(SHAPE, TABLE, 5) - 100))
        assert widths_of(plan) == tuple(48 if each == index else 64 for each in range(3))


def test_a_share_of_the_way_leads_to_the_same_budget_in_rounds() -> None:
    budget = Budget(SHAPE, 5, bits=weight_bits(SHAPE, TABLE, 5) // 2)
    half = plan_removal(TABLE, even(), budget, share=0.5)
    assert budget.excess(TABLE) > budget.excess(cut(half)) > 0
    rest = plan_removal(cut(half), even(cut(half)), budget)
    assert budget.excess(cut(rest)) == 0


def test_cycles_count_where_they_are_the_target() -> None:
    def cycles(layers: tuple[Layer, ...]) -> float:
        return math.inf if width(layers[2]) == 64 else 10 * width(layers[0]) + width(layers[2])

    budget = Budget(SHAPE, 5, cycles=600, count_cycles=cycles)
    plan = plan_removal(TABLE, even(), budget)
    assert widths_of(plan) == (48, 64, 48)  # first what does not fit, then what takes the cycles
    both = Budget(SHAPE, 5, cycles=600, bits=6000, count_cycles=cycles)
    table = cut(plan_removal(TABLE, even(), both))
    assert cycles(table) <= 600 and weight_bits(SHAPE, table, 5) <= 6000


def test_a_budget_out_of_reach_says_what_can_be_reached() -> None:
    least = weight_bits(SHAPE, (Conv(16), Conv(16, groups=4), Conv(16, groups=4)), 5)
    message = rf"bits: expected at least {least:,}, .* narrowest \(16, 16, 16\), got 1,000; raise the target, or lower granularity"
    with pytest.raises(BudgetError, match=message):
        plan_removal(TABLE, even(), Budget(SHAPE, 5, bits=1000))
    with pytest.raises(BudgetError, match=r"cycles: expected at least 77, the fewest cycles .* got 50"):
        plan_removal(TABLE, even(), Budget(SHAPE, 5, cycles=50, count_cycles=lambda layers: 77))
    with pytest.raises(BudgetError, match=r"cycles: expected a table that fits the device with its layers at their narrowest"):
        plan_removal(TABLE, even(), Budget(SHAPE, 5, cycles=50, count_cycles=lambda layers: math.inf))


def test_plans_that_cannot_be_are_refused() -> None:
    net, layers, plan, _ = case("groups, shuffled")
    for broken, message in (
        (plan[:2], r"expected a plan and a network of 3 layers, got 2 and 3"),
        ((*plan[:2], tuple(range(30))), r"layer 2: expected a number of channels that the groups around it divide, got 30"),
        ((plan[0], (0,) * 16, plan[2]), r"layer 1: expected different channels of 0\.\.31"),
        ((plan[0], (), plan[2]), r"layer 1: expected a number of channels .* got 0"),
        ((plan[0], tuple(range(16)), plan[2]), r"layer 1: expected every channel to stay with the groups that make and read it"),
    ):
        with pytest.raises(ValueError, match=message):
            shrink(net, layers, broken)
    add_heavy(net, (4, 12, 12), layers, heavy_chains(layers, 1))
    with pytest.raises(ValueError, match=r"layer 1: expected a plain block, got a MixedBlock; remove heavy blocks first"):
        shrink(net, layers, plan)
    with pytest.raises(ValueError, match=r"expected the weights of 2 layers, got others in blocks\.2"):
        table_in(net.state_dict(), layers[:2])
    with pytest.raises(ValueError, match=r"expected the weights of 3 layers, got others in blocks\.2"):
        table_in(net.state_dict(), (*layers[:2], Linear(4)))
    assert table_in(net.state_dict(), layers) == layers
