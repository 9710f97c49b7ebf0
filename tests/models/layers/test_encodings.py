"""Encodings and estimators: bit planes, ramps, shared thresholds, the triangular gradient, real weights."""

import numpy as np
import pytest
import torch

from owlbit.models.layer_table import Conv
from owlbit.models.layers.binary import BinaryLinear, triangular_sign
from owlbit.models.layers.encodings import BitPlanes, Ramps
from owlbit.models.layers.thermometer import LearnedThermometer, quantile_thresholds
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.brevitas_twin import brevitas_twin

GREYS = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)


def test_bit_planes_are_the_digits_of_the_pixel() -> None:
    images = torch.cat([GREYS, 255 - GREYS], 1)
    planes = (BitPlanes(2)(images) > 0).reshape(2, 8, 256).long()
    values = (planes * 2 ** torch.arange(8).view(1, 8, 1)).sum(1)
    np.testing.assert_array_equal(values.numpy(), images.reshape(2, 256).long().numpy())
    with pytest.raises(ValueError, match="expected 8 bit planes per colour, got 4"):
        BitPlanes(1, 4)


@pytest.mark.parametrize("levels", [1, 3, 16])
def test_ramps_tell_every_grey_level_apart(levels: int) -> None:
    codes = Ramps(1, levels)(GREYS).reshape(levels, 256)
    assert codes.min() == -1 and codes.max() <= 1
    assert (codes.diff(dim=1).sum(0) > 0).all() and (codes.diff(dim=1) >= 0).all()


def test_shared_thresholds_are_equal_and_learn_from_all_colours() -> None:
    images = torch.cat([GREYS, GREYS // 4], 1)
    start = quantile_thresholds(images, 3, shared=True)
    np.testing.assert_array_equal(start[0].numpy(), start[1].numpy())
    thermometer = LearnedThermometer(2, 3, start, shared=True)
    assert thermometer.latents.shape == (1, 4)
    integers = thermometer.integer_thresholds().numpy()
    np.testing.assert_array_equal(integers[0], integers[1])
    gradients: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []
    for colours in ((0, 1), (0,), (1,)):
        thermometer.latents.grad = None
        signs = thermometer(images).reshape(2, -1)
        torch.autograd.backward(signs[list(colours)].sum())
        assert thermometer.latents.grad is not None
        gradients.append(thermometer.latents.grad.numpy().copy())
    np.testing.assert_allclose(gradients[0], gradients[1] + gradients[2], rtol=1e-4, atol=1e-5)
    assert np.abs(gradients[1]).max() > 0 and np.abs(gradients[2]).max() > 0


def test_shared_thermometer_has_a_twin_with_the_same_scores() -> None:
    net = BinaryNet((3, 8, 8), 4, (Conv(8, pool=2),), 3, shared=True, activation="triangular").eval()
    images = torch.randint(0, 256, (6, 3, 8, 8), generator=torch.Generator().manual_seed(1))
    np.testing.assert_array_equal(brevitas_twin(net)(images.float()).detach().numpy(), net(images).detach().numpy())


def test_bit_planes_have_no_twin() -> None:
    net = BinaryNet((1, 8, 8), 8, (Conv(8),), 3, encoding="bit-planes")
    with pytest.raises(ValueError, match="expected a network with a thermometer, got one with BitPlanes"):
        brevitas_twin(net)


def test_triangular_gradient() -> None:
    values = torch.tensor([-2.0, -1.0, -0.5, -0.0, 0.0, 0.25, 1.0, 1.5], requires_grad=True)
    signs = triangular_sign(values)
    np.testing.assert_array_equal(signs.detach().numpy(), [-1, -1, -1, 1, 1, 1, 1, 1])
    torch.autograd.backward(signs.sum())
    assert values.grad is not None
    np.testing.assert_array_equal(values.grad.numpy(), [0, 0, 1, 2, 2, 1.5, 0, 0])


def test_real_weights_have_the_mean_magnitude_of_binary_ones() -> None:
    linear = BinaryLinear(4, 1)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[0.1, -0.3, 0.2, 0.2]]))
    assert linear(torch.ones(1, 4)).item() == 2
    linear.real = True
    np.testing.assert_allclose(linear(torch.eye(4)).detach().numpy()[:, 0], [0.5, -1.5, 1.0, 1.0], rtol=1e-6)
