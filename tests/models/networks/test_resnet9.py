"""ResNet-9: shapes, where it halves the map, and that a small one learns."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from owlbit.models.networks.resnet9 import ResNet9
from owlbit.models.paper_networks import ResNet9 as Table


@pytest.mark.parametrize(("side", "first"), [(16, 8), (32, 16), (96, 24)])
def test_shapes(side: int, first: int) -> None:
    net = ResNet9((3, side, side), 7, Table(1 / 16))
    logits, points = net.logits_and_points(torch.zeros(2, 3, side, side, dtype=torch.uint8))
    assert logits.shape == (2, 7) and logits.dtype == torch.float32
    assert [list(point.shape) for point in points] == [[2, 8, first, first], [2, 32, first // 4, first // 4]]
    assert "real-valued" in net.undeployable


def test_it_learns_which_half_is_bright() -> None:
    torch.manual_seed(0)
    labels = torch.arange(32) % 2
    images = torch.randint(0, 60, (32, 1, 16, 16), dtype=torch.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:, :, 8 * label : 8 * label + 8] += 120
    net = ResNet9((1, 16, 16), 2, Table(1 / 16)).train()
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True)
    for _ in range(20):
        optimiser.zero_grad()
        torch.autograd.backward(F.cross_entropy(net(images), labels))
        optimiser.step()
    assert bool((net.eval()(images).argmax(1) == labels).all())
