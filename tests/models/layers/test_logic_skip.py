"""Logic skips in training: the integer network's gates on signs, their gradients, and the tables that cannot have one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from owlbit.export.network import LogicSkip
from owlbit.hw.reference import logic_skip
from owlbit.models.layer_table import Conv, TableError, layer_shapes, weight_bits
from owlbit.models.layers.logic_skip import SKIPS, MuxSkip
from owlbit.models.networks.binary_net import BinaryNet, ConvBlock
from random_nets import smooth_images

BLOCK, SKIPPED = [-1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0]


def pairs() -> tuple[Tensor, Tensor]:
    """Every pair of signs, in every of two channels: [1, 2, 1, 4] each."""
    block, skipped = (torch.tensor([signs, signs]).view(1, 2, 1, 4).requires_grad_() for signs in (BLOCK, SKIPPED))
    return block, skipped


def make(gate: str) -> torch.nn.Module:
    """The gate for two channels, of which a multiplexer takes the block's first and the skipped second."""
    skip = SKIPS[gate](2)
    if isinstance(skip, MuxSkip):
        with torch.no_grad():
            skip.weight.copy_(torch.tensor([0.0, -0.3]))  # the sign of zero is +1
    return skip


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("gate", SKIPS)
def test_signs_are_the_integer_networks_bits(gate: str, training: bool) -> None:
    block, skipped = pairs()
    signs = make(gate).train(training)(block, skipped).detach().numpy()
    assert set(np.unique(signs)) == {-1.0, 1.0}
    layer = LogicSkip(0, gate, np.array([1, 0], np.uint8) if gate == "mux" else None)
    bits, earlier = ((tensor.detach().numpy() > 0).astype(np.uint8) for tensor in (block, skipped))
    np.testing.assert_array_equal(signs > 0, logic_skip(layer, bits, earlier))


@pytest.mark.parametrize(
    ("gate", "of_block", "of_skipped"),
    [
        ("or", [[0.5, 0, 1, 0.5]] * 2, [[0.5, 1, 0, 0.5]] * 2),
        ("xor", [[1, -1, 1, -1]] * 2, [[1, 1, -1, -1]] * 2),
        ("mux", [[1, 1, 1, 1], [0, 0, 0, 0]], [[0, 0, 0, 0], [1, 1, 1, 1]]),
    ],
)
def test_gradients(gate: str, of_block: list[list[float]], of_skipped: list[list[float]]) -> None:
    block, skipped = pairs()
    torch.autograd.backward(make(gate)(block, skipped).sum())
    assert block.grad is not None and skipped.grad is not None
    np.testing.assert_array_equal(block.grad[0, :, 0].numpy(), of_block)
    np.testing.assert_array_equal(skipped.grad[0, :, 0].numpy(), of_skipped)


def test_a_selection_moves_to_the_map_that_lowers_the_loss() -> None:
    """The gradient of a latent is the loss's, times half the difference of the maps; where they agree nothing pulls."""
    block, skipped = pairs()
    skip = make("mux")
    upstream = torch.tensor([[1.0, 2.0, 3.0, 4.0], [-1.0, -2.0, -3.0, -4.0]]).view(1, 2, 1, 4)
    torch.autograd.backward((skip(block, skipped) * upstream).sum())
    (latents,) = skip.parameters()
    assert latents.grad is not None
    np.testing.assert_array_equal(latents.grad.numpy(), [-2.0 + 3.0, 2.0 - 3.0])


def test_a_block_skips_from_before_its_shuffle() -> None:
    block = ConvBlock(Conv(4, kernel=1, groups=2, shuffle=True, skip="xor"), 4).eval()
    signs = torch.tensor([-1.0, 1.0, 1.0, -1.0]).view(1, 4, 1, 1)
    with_skip = block(signs)
    block.skip = None
    np.testing.assert_array_equal(with_skip.detach(), -(block(signs) * signs).detach())


def test_selections_are_binary_weights() -> None:
    layers = (Conv(6), Conv(6, skip="mux"), Conv(6, skip="or"))
    net = BinaryNet((1, 6, 6), 4, layers, 3)
    assert sum(weight.numel() for weight in net.binary_weights()) == weight_bits((4, 6, 6), layers, 3)
    assert weight_bits((4, 6, 6), layers, 3) == 9 * (24 + 36 + 36) + 6 + 3 * 216
    (skip,) = (module for module in net.modules() if isinstance(module, MuxSkip))
    with torch.no_grad():
        skip.weight.mul_(100)
    net.limit_latents()
    assert float(skip.weight.detach().abs().max()) == 1.0


def test_training_reaches_every_layer_and_selection() -> None:
    layers = tuple(Conv(8, skip=gate) for gate in ("mux", "or", "xor"))
    net = BinaryNet((1, 8, 8), 8, layers, 3).train()
    loss = net.logits(smooth_images(16, (1, 8, 8), torch.Generator().manual_seed(1))).square().mean()
    torch.autograd.backward(loss)
    for weight in net.binary_weights():
        assert weight.grad is not None and bool(weight.grad.any())


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Conv(8, skip="or"), r"keeps the shape of its map \(filters = 4, stride = 1, pool = 1\), got 4x6x6 to 8x6x6"),
        (Conv(4, stride=2, skip="xor"), "got 4x6x6 to 4x3x3"),
        (Conv(4, pool=2, skip="mux"), "got 4x6x6 to 4x3x3"),
        (Conv(4, skip="and"), "expected one of or, xor, mux, got and"),
    ],
)
def test_a_skip_that_does_not_fit_is_named(layer: Conv, message: str) -> None:
    with pytest.raises(TableError, match=message) as caught:
        layer_shapes((4, 6, 6), (Conv(4), layer))
    assert (caught.value.index, caught.value.key) == (1, "skip")
