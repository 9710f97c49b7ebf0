"""ReCU's treatment of latent weights: the published formulas, their gradient, and signs that stay those of the latents."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from owlbit.models.layer_table import Conv, Linear
from owlbit.models.layers.recu import centre, recu_sign, tau_at, treated
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.brevitas_twin import brevitas_twin

LAYERS = (Conv(16, pool=2), Conv(16, groups=4, shuffle=True), Linear(12))


def test_tau_rises_from_first_to_last() -> None:
    taus = [tau_at(epoch, 20) for epoch in range(20)]
    assert taus[0] == pytest.approx(0.85) and taus[-1] == pytest.approx(0.99)
    assert all(later - earlier > 0 for earlier, later in pairwise(taus))
    rises = np.diff(taus)
    np.testing.assert_allclose(rises[1:] / rises[:-1], math.exp(1 / 20))
    assert tau_at(0, 1) == pytest.approx(0.85)


@pytest.mark.parametrize("shape", [(6, 4, 3, 3), (5, 40)])
def test_the_formulas_in_numpy(shape: tuple[int, ...]) -> None:
    latents = torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows = latents.numpy().reshape(shape[0], -1)
    standard = rows - rows.mean(1, keepdims=True)
    standard = standard / (np.sqrt(standard.var(1, ddof=1, keepdims=True) + 1e-5) / (2 * np.sqrt(2)))
    limit = -abs(standard).mean() * np.log(2 - 2 * 0.9)
    expected = np.clip(standard, -limit, limit)
    assert 0 < (abs(standard) > limit).mean() < 0.3  # some are clamped
    np.testing.assert_allclose(treated(latents, 0.9).numpy().reshape(shape[0], -1), expected)


def test_the_gradient_is_that_of_the_clamped_weights() -> None:
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(4, 3, 3, 3, generator=generator, dtype=torch.float64)
    incoming = torch.randn(4, 3, 3, 3, generator=generator, dtype=torch.float64)
    given = latents.clone().requires_grad_()
    torch.autograd.backward(recu_sign(given, 0.9).double(), incoming)
    assert given.grad is not None
    limit = -math.log(2 - 2 * 0.9) * treated(latents, 0.9999999).abs().mean()  # constant in the gradient

    def loss(moved: torch.Tensor) -> float:
        rows = moved.flatten(1) - moved.flatten(1).mean(1, keepdim=True)
        scaled = rows * 2 * math.sqrt(2) / (rows.var(1, keepdim=True) + 1e-5).sqrt()
        return float((scaled.clamp(-limit, limit) * incoming.flatten(1)).sum())

    for place in range(0, latents.numel(), 7):
        step = torch.zeros(latents.numel(), dtype=torch.float64)
        step[place] = 1e-6
        rise = (loss(latents + step.view_as(latents)) - loss(latents - step.view_as(latents))) / 2e-6
        assert float(given.grad.flatten()[place]) == pytest.approx(rise, rel=1e-4, abs=1e-6)


def test_signs_are_those_of_centred_latents_whatever_tau_is() -> None:
    latents = torch.randn(8, 20, generator=torch.Generator().manual_seed(2)) + 0.4
    centre(latents)
    np.testing.assert_allclose(latents.mean(1).numpy(), 0, atol=1e-6)
    for tau in (0.85, 0.99):
        np.testing.assert_array_equal(recu_sign(latents, tau).numpy(), np.where(latents.numpy() >= 0, 1, -1))
        np.testing.assert_array_equal(treated(latents, tau).sign().numpy(), latents.sign().numpy())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_plain_and_fast_form_and_the_exported_twin_agree(dtype: torch.dtype) -> None:
    found = []
    for fast in (None, dtype):
        torch.manual_seed(0)
        net = BinaryNet((3, 12, 12), 4, LAYERS, 5, activation="triangular").train()
        net.set_tau(0.85)
        net.limit_latents()
        net.fast = fast
        images = torch.randint(0, 256, (16, 3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
        scores = net(images)
        torch.autograd.backward(F.cross_entropy(scores * 0.1, torch.arange(16) % 5))
        found.append((scores.detach().numpy(), [parameter.grad for parameter in net.binary_weights()]))
        twin = brevitas_twin(net, pool_first=True).train()
        np.testing.assert_array_equal(twin(images.float()).detach().numpy(), scores.detach().numpy())
    np.testing.assert_array_equal(found[0][0], found[1][0])
    for ours, plain in zip(found[1][1], found[0][1], strict=True):
        assert ours is not None and plain is not None
        assert float((ours - plain).norm() / plain.norm()) < (0.03 if dtype == torch.bfloat16 else 1e-4)


def test_only_treated_layers_are_centred() -> None:
    net = BinaryNet((1, 8, 8), 4, (Conv(4), Conv(4, skip="mux")), 3)
    with torch.no_grad():
        for weight in net.binary_weights():
            weight.add_(2.0)
    net.set_tau(0.9)
    net.limit_latents()
    means = [float(weight.detach().mean()) for weight in net.binary_weights()]
    assert means.count(1.0) == 1 and sorted(abs(mean) < 1e-5 for mean in means) == [False, True, True, True]
