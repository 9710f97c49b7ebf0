"""What binary layers share: a convolution that reads only the pixels it needs."""

import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose

from owlbit.models.layers import binary

PLAIN = F.conv2d
GEOMETRIES = [(1, 2, 0, 1), (1, 3, 0, 2), (1, 2, 1, 1), (3, 2, 1, 2), (1, 1, 0, 1)]


@pytest.mark.parametrize(("kernel", "stride", "padding", "groups"), GEOMETRIES)
def test_a_convolution_and_its_gradients_are_torchs(
    kernel: int, stride: int, padding: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    strides: list[int] = []

    def noted(values: torch.Tensor, weight: torch.Tensor, bias: None, stride: int, *more: int) -> torch.Tensor:
        strides.append(stride)
        return PLAIN(values, weight, bias, stride, *more)

    monkeypatch.setattr(F, "conv2d", noted)
    found = []
    for ours in (True, False):
        generator = torch.Generator().manual_seed(0)
        values = torch.randn(5, 4, 7, 8, generator=generator, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(6, 4 // groups, kernel, kernel, generator=generator, dtype=torch.float64, requires_grad=True)
        if ours:
            output = binary.conv2d(values, weight, stride, padding, groups)
        else:
            output = PLAIN(values, weight, None, stride, padding, 1, groups)
        torch.autograd.backward(output.square().sum())
        assert values.grad is not None and weight.grad is not None
        found.append([output.detach(), values.grad, weight.grad])
    for mine, theirs in zip(*found, strict=True):
        assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
    # What oneDNN must not be given; the docstring has the reason.
    assert strides == [1 if kernel == 1 and not padding else stride]
