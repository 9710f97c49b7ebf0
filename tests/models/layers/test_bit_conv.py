"""The convolution of bits is torch's to the bit, and its gradients are torch's but for rounding, on maps of every shape."""

from typing import Any

import numba
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from owlbit.models.layers import bit_conv as module
from owlbit.models.layers.bit_conv import bit_conv

# images, channels, rows, columns, filters, kernel, stride, padding, groups
SHAPES = {
    "small": (3, 16, 9, 7, 24, 3, 1, 1, 1),
    "stride": (37, 10, 7, 8, 12, 3, 2, 1, 1),
    "wide kernel, groups": (5, 12, 6, 11, 20, 5, 1, 2, 2),
    "no padding": (33, 16, 9, 7, 24, 3, 1, 0, 8),
    "one tap": (64, 72, 4, 4, 40, 1, 1, 0, 1),
    "more than a word of channels, more than a vector of filters": (40, 130, 5, 6, 132, 3, 1, 1, 2),
    "window larger than the map": (2, 64, 2, 1, 8, 5, 2, 2, 1),
    "one filter per group": (32, 8, 6, 6, 8, 3, 1, 1, 8),
    "even kernel": (4, 3, 8, 8, 33, 4, 2, 1, 1),
}


def both(shape: tuple[int, ...]) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Output, gradient by bits and gradient by weights of `bit_conv` and of torch's convolution, the latter in float64."""
    images, channels, rows, columns, filters, kernel, stride, padding, groups = shape
    generator = torch.Generator().manual_seed(2)
    bits = torch.randint(0, 2, (images, channels, rows, columns), generator=generator).float()
    bits = bits.contiguous(memory_format=torch.channels_last)
    weight = torch.randint(0, 2, (filters, channels // groups, kernel, kernel), generator=generator).float() * 2 - 1
    found = []
    for dtype in (torch.float32, torch.float64):
        own = bits.to(dtype, copy=True).requires_grad_(), weight.to(dtype, copy=True).requires_grad_()
        if dtype == torch.float32:
            counts = bit_conv(own[0], own[1], stride, padding, groups)
        else:
            counts = F.conv2d(own[0], own[1], None, stride, padding, 1, groups)
        gradient = torch.randn(counts.shape, generator=torch.Generator().manual_seed(3)).to(dtype)
        torch.autograd.backward(counts, gradient)
        assert own[0].grad is not None and own[1].grad is not None
        found.append([counts.detach().numpy(), own[0].grad.numpy(), own[1].grad.numpy()])
    return found[0], found[1]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_values_are_exact_and_gradients_but_for_rounding(shape: tuple[int, ...]) -> None:
    ours, exact = both(shape)
    assert_array_equal(ours[0], exact[0])
    for mine, theirs in zip(ours[1:], exact[1:], strict=True):
        assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6 * np.abs(theirs).max() * np.sqrt(theirs.shape[1] + 100))


def test_sums_do_not_depend_on_how_many_channels_a_thread_works_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more threads it is fewer."""
    shape = (32, 40, 6, 6, 16, 3, 1, 1, 1)
    found = []
    for threads in (1, 2, 4, 64):
        with monkeypatch.context() as patch:
            patch.setattr(numba, "get_num_threads", lambda threads=threads: threads)
            assert module._chunk(40, 1) == {1: 40, 2: 20, 4: 10, 64: 5}[threads]
            found.append(both(shape)[0])
    for other in found[1:]:
        for alone, beside in zip(found[0], other, strict=True):
            assert_array_equal(alone, beside)


def test_only_the_gradients_that_are_wanted_are_computed() -> None:
    bits = torch.ones(2, 4, 3, 3)
    weight = torch.ones(8, 4, 3, 3, requires_grad=True)
    counts = bit_conv(bits, weight, 1, 1, 1)
    torch.autograd.backward(counts.sum())
    assert weight.grad is not None and bits.grad is None
    assert_array_equal(weight.grad[0, 0].numpy(), 2 * np.array([[4, 6, 4], [6, 9, 6], [4, 6, 4]], np.float32))
