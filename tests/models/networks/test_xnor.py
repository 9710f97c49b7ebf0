"""The XNOR-Net baseline: K against loops, the block against its formula, and what is real in it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from owlbit.models.networks.xnor import XnorBlock, XnorNet, window_magnitudes
from owlbit.models.paper_networks import Xnor

torch.set_num_threads(1)


def images_for(side: int) -> torch.Tensor:
    return torch.randint(0, 256, (4, 3, side, side), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def test_window_magnitudes_are_means_over_window_and_channels() -> None:
    values = np.random.default_rng(0).normal(size=(2, 5, 4, 6))
    padded = np.pad(np.abs(values), ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = np.empty((2, 1, 4, 6))
    for n, y, x in np.ndindex(2, 4, 6):
        expected[n, 0, y, x] = padded[n, :, y : y + 3, x : x + 3].sum() / (5 * 9)
    np.testing.assert_allclose(window_magnitudes(torch.from_numpy(values), 3).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("input_scale", [False, True])
def test_a_block_is_its_formula(input_scale: bool) -> None:
    torch.manual_seed(2)
    block = XnorBlock(4, 6, Xnor(input_scale=input_scale), "clipped", pool=True)
    values = torch.randn(3, 4, 6, 6)
    normalised = (values - values.mean((0, 2, 3), keepdim=True)) / (
        values.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5
    ).sqrt()
    weight = block.conv.conv.weight
    signs = F.pad(torch.where(normalised >= 0, 1.0, -1.0), (1, 1, 1, 1), value=-1)
    expected = F.conv2d(signs, torch.where(weight >= 0, 1.0, -1.0)) * weight.abs().mean((1, 2, 3)).view(1, -1, 1, 1)
    if input_scale:
        expected = expected * window_magnitudes(normalised, 3)
    np.testing.assert_allclose(block(values).detach(), F.max_pool2d(expected, 2).detach(), rtol=1e-4, atol=1e-5)


def test_scales_bring_the_binary_convolution_nearer_to_the_real_one() -> None:
    """What XNOR-Net has them for: the error of the approximation falls with alpha, and again with K."""
    torch.manual_seed(3)
    values = torch.randn(2, 64, 8, 8) * torch.linspace(0.1, 3, 8)  # quiet on the left, loud on the right
    weights = torch.randn(32, 64, 3, 3) * 0.05
    real = F.conv2d(values, weights)
    binary = F.conv2d(values.sign(), weights.sign())
    alpha = weights.abs().mean((1, 2, 3)).view(1, -1, 1, 1)
    magnitudes = window_magnitudes(values, 3)[:, :, 1:-1, 1:-1]
    errors = [float((real - guess).square().mean()) for guess in (binary, binary * alpha, binary * alpha * magnitudes)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("side", [8, 19])
@pytest.mark.parametrize("table", [Xnor(width=1 / 16), Xnor("none", width=1 / 16), Xnor(input_scale=True, width=1 / 16)])
def test_network_trains_and_has_real_ends(table: Xnor, side: int) -> None:
    torch.manual_seed(4)
    net = XnorNet((3, side, side), 5, table)
    images = images_for(side)
    torch.autograd.backward(F.cross_entropy(net.logits(images), torch.arange(4)))
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in net.parameters())
    assert [weight.shape[0] for weight in net.binary_weights()] == [8, 16, 16, 32, 32]
    logits, points = net.eval().logits_and_points(images)
    np.testing.assert_array_equal(logits.detach(), net(images).detach())
    sides = [side // 2, side // 2, side // 4, side // 4, side // 8]
    assert [list(point.shape[1:]) for point in points] == [[f, s, s] for f, s in zip([8, 16, 16, 32, 32], sides, strict=True)]
    parts = "first convolution and last layer" if table.scale == "none" else "first convolution, scales and last layer"
    assert f'got "xnor", whose {parts} are real-valued' in net.undeployable
    binary = net.train()(images)
    net.use_real_weights(True)
    net.set_activation("hardtanh")
    assert (net(images) != binary).any()


def test_images_too_small_for_three_poolings_are_refused() -> None:
    with pytest.raises(ValueError, match="expected images of at least 8x8, got 7x9"):
        XnorNet((1, 7, 9), 3, Xnor())
