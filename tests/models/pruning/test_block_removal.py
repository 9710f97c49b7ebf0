"""Leaving whole blocks out: what is left computes what the whole did without them, and the choice loses least."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from owlbit.models.layer_table import Conv, Layer, Linear, removable, weight_bits
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.pruning.block_removal import block_importance, choose_blocks, remove_blocks, without
from owlbit.models.pruning.filter_pruning import Budget, BudgetError, blocks_in, table_in
from random_nets import random_weights, smooth_images

LAYERS: tuple[Layer, ...] = (Conv(16, pool=2), Conv(16), Conv(16, groups=4, shuffle=True), Conv(32, pool=2), Conv(32), Linear(20))
SHAPE = (4, 12, 12)  # after the thermometer


def random_net() -> BinaryNet:
    torch.manual_seed(0)
    return random_weights(BinaryNet((1, 12, 12), 4, LAYERS, 5), 3)


def some_images() -> tuple[torch.Tensor, torch.Tensor]:
    return smooth_images(24, (1, 12, 12), torch.Generator().manual_seed(9)), torch.arange(24) % 5


def test_layers_that_keep_their_map_may_go() -> None:
    assert removable(SHAPE, LAYERS) == (1, 2, 4)
    assert removable(SHAPE, (Conv(4), Conv(4, stride=2), Conv(4, padding=False), Linear(4))) == (0,)
    assert without(LAYERS, {0, 5}) == LAYERS[1:5]


def test_what_is_left_is_the_network_with_the_block_bridged() -> None:
    net, (images, _) = random_net(), some_images()
    signs = net.thermometer(images)
    for index, block in enumerate(net.blocks):
        signs = signs if index in (1, 4) else block(signs)
    expected = net.classifier(signs.flatten(1)).detach()
    remove_blocks(net, {1, 4})
    np.testing.assert_array_equal(net(images).detach(), expected)
    assert blocks_in(net.state_dict()) == [0, 2, 3, 5]
    assert table_in(net.state_dict(), LAYERS) == without(LAYERS, {1, 4})
    assert len(net.binary_weights()) == 5


def test_importance_is_what_the_definition_says() -> None:
    net, (images, labels) = random_net(), some_images()
    found = block_importance(net.train(), (4, 1), [(images[:10], labels[:10]), (images[10:], labels[10:])])
    assert net.training and all(parameter.grad is None for parameter in net.parameters())
    net.eval()
    entered = net.blocks[:4](net.thermometer(images)).detach()
    left = net.blocks[4](entered).detach().requires_grad_()
    logits = net.classifier(net.blocks[5](left).flatten(1)) * net.log_temperature.exp()
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), left)
    expected = ((left.detach() - entered) * gradient).sum((2, 3)).abs().sum(1).mean()
    np.testing.assert_allclose(found[4], expected, rtol=1e-5)
    assert set(found) == {1, 4} and found[1] > 0


def importance(scale: float) -> list[torch.Tensor]:
    widths = (16, 16, 16, 32, 32, 20)
    return [scale * torch.linspace(1, 2, channels, dtype=torch.float64) for channels in widths]


def test_a_block_goes_where_that_loses_less_than_filters() -> None:
    budget = Budget(SHAPE, 5, bits=weight_bits(SHAPE, LAYERS, 5) - 3000)
    # The block of 9,216 weights alone is enough; the 2,304 and 576 of the others are not.
    assert choose_blocks(LAYERS, {1: 1.0, 2: 1.0, 4: 1.0}, importance(10), budget, 8) == (4,)
    assert choose_blocks(LAYERS, {1: 1e6, 2: 1e6, 4: 1e6}, importance(10), budget, 8) == ()


def test_blocks_go_where_filters_do_not_suffice_and_a_budget_out_of_reach_is_told() -> None:
    narrowest = weight_bits(SHAPE, (Conv(8, pool=2), Conv(8, pool=2), Linear(8)), 5)
    budget = Budget(SHAPE, 5, bits=narrowest)
    assert choose_blocks(LAYERS, {1: 1e6, 2: 1e6, 4: 1e6}, importance(1), budget, 8) == (1, 2, 4)
    with pytest.raises(BudgetError, match=r"bits: expected at least"):
        choose_blocks(LAYERS, {1: 1.0, 2: 1.0, 4: 1.0}, importance(1), Budget(SHAPE, 5, bits=10), 8)
