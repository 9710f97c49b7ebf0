"""The learned thermometer: integers that rise strictly whatever the latents are, the hardware's comparison, the gradient."""

import numpy as np
import pytest
import torch

from owlbit.models.layers.thermometer import LearnedThermometer, quantile_thresholds


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


@pytest.mark.parametrize(("colours", "levels", "shared"), [(1, 1, False), (3, 8, False), (3, 4, True), (2, 128, False)])
@pytest.mark.parametrize("fast", [True, False])
def test_gradient_is_the_windowed_sum_over_pixels(colours: int, levels: int, shared: bool, fast: bool) -> None:
    """Against the formula of docs/training.md in float64, for gradients of either layout."""
    generator = torch.Generator().manual_seed(2)
    thermometer = LearnedThermometer(colours, levels, shared=shared)
    with torch.no_grad():
        thermometer.latents.normal_(generator=generator)
    images = torch.randint(0, 256, (5, colours, 7, 6), dtype=torch.uint8, generator=generator)
    gradient = torch.randn(5, colours * levels, 7, 6, generator=generator)
    edges = np.pad(thermometer.integer_thresholds().numpy(), ((0, 0), (1, 1)), constant_values=((0, 0), (0, 256)))
    half_widths = np.maximum(2, (edges[:, 2:] - edges[:, :-2]) / 2)[None, :, :, None, None]
    distances = images.numpy()[:, :, None].astype(np.float64) - edges[:, 1:-1][None, :, :, None, None]
    window = np.maximum(0, 1 - abs(distances / half_widths)) / half_widths
    step = 1 if fast else 2
    by_threshold = -step * (gradient.numpy().reshape(5, colours, levels, 7, 6) * window).sum((0, 3, 4))
    torch.autograd.backward((thermometer.thresholds().double() * torch.from_numpy(by_threshold)).sum())
    expected = thermometer.latents.grad
    for memory_format in (torch.contiguous_format, torch.channels_last):
        thermometer.latents.grad = None
        codes = thermometer.bits(images, torch.bfloat16) if fast else thermometer(images)
        torch.autograd.backward(codes, gradient.to(codes.dtype).contiguous(memory_format=memory_format))
        assert expected is not None and thermometer.latents.grad is not None
        tolerance = {"rtol": 0.02, "atol": 0.05} if fast else {"rtol": 1e-4, "atol": 1e-5}  # bfloat16 has 8 bits
        np.testing.assert_allclose(thermometer.latents.grad.numpy(), expected.numpy(), **tolerance)


def test_bits_are_the_signs() -> None:
    thermometer = LearnedThermometer(3, 8)
    images = torch.randint(0, 256, (4, 3, 5, 6), dtype=torch.uint8)
    signs, bits = thermometer(images), thermometer.bits(images, torch.bfloat16)
    assert bits.dtype == torch.bfloat16
    for each in (signs, bits):
        assert each.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(2 * bits.detach().float().numpy() - 1, signs.detach().numpy())
    torch.autograd.backward(bits.float().sum())
    assert thermometer.latents.grad is not None and thermometer.latents.grad.dtype == torch.float32


def test_values_between_grey_levels_are_compared_as_they_are() -> None:
    thermometer = LearnedThermometer(1, 3)
    images = torch.rand(2, 1, 8, 8) * 400 - 70
    expected = images.numpy()[:, :, None] >= thermometer.integer_thresholds().numpy()[None, :, :, None, None]
    np.testing.assert_array_equal(thermometer(images).detach().numpy() > 0, expected.reshape(2, 3, 8, 8))


def test_window_narrows_as_training_goes_on() -> None:
    """One threshold at 128 between 0 and 256: a local half width of 128, four times that at first, twice half way."""
    thermometer = LearnedThermometer(1, 1, torch.tensor([[128.0]]))
    thermometer.window = 4.0
    images = torch.full((1, 1, 1, 1), 128, dtype=torch.uint8)
    gradients: list[float] = []
    for progress in (0.0, 0.5, 1.0):
        thermometer.set_progress(progress)
        thermometer.latents.grad = None
        torch.autograd.backward(thermometer(images).sum())
        assert thermometer.latents.grad is not None
        gradients.append(float(thermometer.latents.grad[0, 0]))
    np.testing.assert_allclose(np.array(gradients) / gradients[2], [0.25, 0.5, 1.0], rtol=1e-6)
    assert "progress" not in "".join(thermometer.state_dict())


def test_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="expected 1 to 128 thresholds"):
        LearnedThermometer(1, 0)
    with pytest.raises(ValueError, match=r"expected thresholds \[1, 4\], got \[4\]"):
        LearnedThermometer(1, 4, torch.zeros(4))
    with pytest.raises(ValueError, match="expected uint8 images"):
        quantile_thresholds(torch.zeros(1, 1, 2, 2), 3)
