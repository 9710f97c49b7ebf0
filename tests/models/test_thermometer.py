"""The learned thermometer: integers that rise strictly whatever the latents are, the hardware's comparison, the gradient."""

import numpy as np
import pytest
import torch

from models.thermometer import LearnedThermometer, quantile_thresholds


def test_integer_thresholds_rise_strictly_for_any_latents() -> None:
    generator = torch.Generator().manual_seed(1)
    for levels in (1, 2, 3, 8, 16, 127, 128):
        thermometer = LearnedThermometer(2, levels)
        for spread in (0.0, 0.1, 1.0, 10.0, 100.0, 1e4):
            with torch.no_grad():
                thermometer.latents.copy_(spread * torch.randn(2, levels + 1, generator=generator))
            integers = thermometer.integer_thresholds()
            assert (integers.diff(dim=1) >= 1).all()
            assert integers.min() >= 1 and integers.max() <= 255
            assert (integers - thermometer.thresholds()).abs().max() <= 0.5 + 1e-3


@pytest.mark.parametrize("training", [True, False])
def test_compares_as_the_specification_says(training: bool) -> None:
    thermometer = LearnedThermometer(3, 5, torch.tensor([[10.0, 20, 60, 61, 250]] * 3)).train(training)
    images = torch.arange(256, dtype=torch.uint8).expand(3, 256).reshape(1, 3, 16, 16)
    thresholds = thermometer.integer_thresholds().numpy()
    expected = images.numpy()[:, :, None] >= thresholds[None, :, :, None, None]
    signs = thermometer(images)
    assert signs.shape == (1, 15, 16, 16)
    np.testing.assert_array_equal(signs.detach().numpy(), np.where(expected.reshape(1, 15, 16, 16), 1.0, -1.0))
    np.testing.assert_array_equal(thermometer(images.float()).detach().numpy(), signs.detach().numpy())


def test_starts_where_it_is_told() -> None:
    wanted = torch.tensor([[9.0, 30.0, 31.5, 120.0], [2.0, 3.0, 250.0, 254.0]])
    thermometer = LearnedThermometer(2, 4, wanted)
    np.testing.assert_allclose(thermometer.thresholds().detach().numpy(), wanted.numpy(), atol=0.2)


def test_coinciding_quantiles_of_a_dark_image_become_neighbours() -> None:
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    images[0] = 3
    thermometer = LearnedThermometer(1, 6, quantile_thresholds(images, 6))
    np.testing.assert_array_equal(thermometer.integer_thresholds().numpy(), [[1, 2, 3, 4, 5, 6]])


def test_quantiles_part_the_pixels_evenly() -> None:
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    np.testing.assert_array_equal(quantile_thresholds(images, 3).numpy(), [[63.5, 127.5, 191.5]])


def test_gradient_moves_a_threshold_towards_the_wanted_bits() -> None:
    """Bits should be 1 from 100 up; a threshold started at 60 must arrive there, by the surrogate gradient alone."""
    thermometer = LearnedThermometer(1, 1, torch.tensor([[60.0]]))
    optimiser = torch.optim.Adam(thermometer.parameters(), lr=0.02)
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    wanted = torch.where(images >= 100, 1.0, -1.0)
    for _ in range(300):
        optimiser.zero_grad()
        torch.autograd.backward((thermometer(images) - wanted).square().mean())
        optimiser.step()
    assert abs(int(thermometer.integer_thresholds()) - 100) <= 1


def test_window_has_unit_area() -> None:
    """Summed over every grey level, minus the gradient by a threshold is the step of the output, 2."""
    thermometer = LearnedThermometer(1, 2, torch.tensor([[100.0, 140.0]]))
    images = torch.arange(256, dtype=torch.float32).reshape(1, 1, 16, 16)
    torch.autograd.backward(thermometer(images).sum())
    by_surrogate = thermometer.latents.grad
    thermometer.latents.grad = None
    torch.autograd.backward(-2 * thermometer.thresholds().sum())
    assert by_surrogate is not None and thermometer.latents.grad is not None
    np.testing.assert_allclose(by_surrogate.numpy(), thermometer.latents.grad.numpy(), rtol=1e-3)


def test_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="expected 1 to 128 thresholds"):
        LearnedThermometer(1, 0)
    with pytest.raises(ValueError, match=r"expected thresholds \[1, 4\], got \[4\]"):
        LearnedThermometer(1, 4, torch.zeros(4))
    with pytest.raises(ValueError, match="expected uint8 images"):
        quantile_thresholds(torch.zeros(1, 1, 2, 2), 3)
