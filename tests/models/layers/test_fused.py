"""Fast training, in bfloat16 and in float32: bits 0 and 1 give what the +-1 network gives, and what Brevitas' modules give."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from owlbit.models.layer_table import Conv, Layer, Linear
from owlbit.models.layers.fused import KINDS, normalise_activate, plain_normalise_activate
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.brevitas_twin import brevitas_twin

TABLES: dict[str, tuple[Layer, ...]] = {
    "groups": (Conv(16, pool=2), Conv(32, groups=2), Conv(32, groups=4, shuffle=True, pool=2)),
    "strides": (Conv(32, kernel=5, stride=2), Conv(32, kernel=1), Conv(24, groups=2, padding=False)),
    "skips": (Conv(16), Conv(16, groups=2, skip="or"), Conv(16, skip="mux", shuffle=True, groups=4), Conv(16, skip="xor", pool=1)),
    "linear": (Conv(16, pool=2), Linear(20), Linear(12)),
}


def net_and_images(name: str, activation: str = "clipped") -> tuple[BinaryNet, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    net = BinaryNet((3, 13, 12), 4, TABLES[name], 5, activation=activation)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.weight.normal_()
                module.bias.normal_()
    images = torch.randint(0, 256, (16, 3, 13, 12), dtype=torch.uint8)
    return net.train(), images, torch.randint(0, 5, (16,))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.03), (torch.float32, 1e-4)], ids=["bfloat16", "float32"])
@pytest.mark.parametrize("activation", ["clipped", "triangular"])
@pytest.mark.parametrize("name", TABLES)
def test_scores_statistics_and_gradients_are_those_of_signs(
    name: str, activation: str, dtype: torch.dtype, tolerance: float
) -> None:
    """Scores to the bit; gradients but for the rounding of what flows backward."""
    results = []
    for fast in (None, dtype):
        net, images, labels = net_and_images(name, activation)
        net.fast = fast
        scores = net(images)
        torch.autograd.backward(F.cross_entropy(scores * 0.1, labels))
        results.append((scores.detach(), net))
    np.testing.assert_array_equal(results[0][0].numpy(), results[1][0].numpy())
    for (key, exact), (_, fast_one) in zip(results[0][1].named_buffers(), results[1][1].named_buffers(), strict=True):
        np.testing.assert_allclose(fast_one.numpy(), exact.numpy(), rtol=1e-4, atol=1e-4, err_msg=key)
    for (key, ours), theirs in zip(results[0][1].named_parameters(), results[1][1].parameters(), strict=True):
        if ours.grad is None:
            assert theirs.grad is None
            continue
        assert theirs.grad is not None
        error = (ours.grad - theirs.grad).norm() / ours.grad.norm().clamp(min=1e-9)
        assert float(error) < tolerance, key


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("name", ["groups", "linear"])
def test_scores_are_those_of_brevitas_modules(name: str, dtype: torch.dtype) -> None:
    net, images, _ = net_and_images(name)
    twin = brevitas_twin(net, pool_first=True)
    net.fast = dtype
    np.testing.assert_array_equal(net(images).detach().numpy(), twin(images.float()).detach().numpy())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("name", TABLES)
def test_eval_mode_is_that_of_signs(name: str, dtype: torch.dtype) -> None:
    net, images, _ = net_and_images(name)
    net(images)
    net.eval()
    exact = net(images)
    net.fast = dtype
    np.testing.assert_array_equal(net(images).detach().numpy(), exact.detach().numpy())


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.bfloat16, 0.02), (torch.float32, 1e-5)], ids=["bfloat16", "float32"])
@pytest.mark.parametrize("activation", KINDS)
@pytest.mark.parametrize(("channels", "side", "height"), [(16, 1, 7), (48, 2, 9), (8, 3, 8)])
def test_compiled_loops_are_the_plain_operations(
    activation: str, channels: int, side: int, height: int, dtype: torch.dtype, rounding: float
) -> None:
    generator = torch.Generator().manual_seed(1)
    products = torch.randint(-60, 60, (6, channels, height, 11), generator=generator).to(dtype)
    sums = torch.randint(-20, 20, (channels,), generator=generator).float()
    gradient = torch.randn(6, channels, height // side, 11 // side, generator=generator).to(dtype)
    found = []
    for function in (normalise_activate, plain_normalise_activate):
        norm = nn.BatchNorm2d(channels)
        with torch.no_grad():
            norm.weight.copy_(torch.linspace(-1.5, 1.5, channels))
            norm.bias.copy_(torch.linspace(0.5, -0.5, channels))
        values = products.clone().contiguous(memory_format=torch.channels_last).requires_grad_()
        codes = function(values, norm, sums, side, activation)
        torch.autograd.backward(codes, gradient)
        assert values.grad is not None and norm.weight.grad is not None and norm.bias.grad is not None
        assert norm.running_mean is not None and norm.running_var is not None
        parts = (codes.detach().float(), values.grad.float(), norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var)
        found.append([part.numpy() for part in parts])
    if activation in ("clipped", "triangular"):
        np.testing.assert_array_equal(found[0][0], found[1][0])
    for ours, plain in zip(*found, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=rounding, atol=rounding / 2 * abs(plain).max())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_sums_are_the_same_with_one_thread_and_with_two(dtype: torch.dtype) -> None:
    """A resumed training may have another number of threads."""
    import numba

    before = numba.get_num_threads()
    states = []
    for threads in (1, before):
        numba.set_num_threads(threads)
        net, images, labels = net_and_images("groups", "triangular")
        net.fast = dtype
        torch.autograd.backward(F.cross_entropy(net.logits(images), labels))
        states.append([parameter.grad.numpy() for parameter in net.parameters() if parameter.grad is not None])
    numba.set_num_threads(before)
    for one, two in zip(*states, strict=True):
        np.testing.assert_array_equal(one, two)
