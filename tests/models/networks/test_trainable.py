"""What training needs of a network: the same of the layer table's network, ResNet-18 and the XNOR-Net baseline."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from owlbit.models.attention import attention_loss
from owlbit.models.layer_table import Conv, Linear
from owlbit.models.layers.binary import sign
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.resnet import ResNet18 as ResNet
from owlbit.models.networks.trainable import Trainable
from owlbit.models.networks.xnor import XnorNet
from owlbit.models.paper_networks import FloatResNet18, ResNet18, Xnor

torch.set_num_threads(1)
SHAPE = (3, 16, 16)
LAYERS = (Conv(8, pool=2), Conv(12, groups=2, shuffle=True), Linear(20))
NETWORKS: dict[str, Callable[[], Trainable]] = {
    "layers": lambda: BinaryNet(SHAPE, 4, LAYERS, 5),
    "resnet18": lambda: ResNet(SHAPE, 5, ResNet18(width=1 / 16)),
    "float-resnet18": lambda: ResNet(SHAPE, 5, FloatResNet18(width=1 / 16)),
    "xnor": lambda: XnorNet(SHAPE, 5, Xnor(width=1 / 16)),
}


def images_for(count: int = 6) -> Tensor:
    return torch.randint(0, 256, (count, *SHAPE), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@pytest.fixture(params=NETWORKS)
def net(request: pytest.FixtureRequest) -> Trainable:
    torch.manual_seed(3)
    return NETWORKS[request.param]()


def test_logits_and_points_are_those_of_one_pass(net: Trainable) -> None:
    images = images_for()
    logits, points = net.logits_and_points(images)
    np.testing.assert_allclose(logits.detach(), net.logits(images).detach(), rtol=1e-5, atol=1e-6)
    net.eval()
    for mine, again in zip(net.logits_and_points(images)[1], net.transfer_points(images), strict=True):
        np.testing.assert_array_equal(mine.detach(), again.detach())
    assert logits.shape == (6, 5) and net.logits(images).argmax(1).tolist() == net(images).argmax(1).tolist()
    assert len(points) >= 2 and all(point.ndim == 4 and len(point) == 6 for point in points)
    torch.autograd.backward(attention_loss(points, [torch.rand_like(point) for point in points]))
    assert all(weight.grad is not None for weight in net.binary_weights()[:2])


def test_clipping_real_weights_and_activations_are_switched_everywhere(net: Trainable) -> None:
    images = images_for()
    before = net(images).detach()
    net.use_real_weights(True)
    net.set_activation("tanh")
    after = net(images).detach()
    assert (before != after).any() == bool(net.binary_weights())
    net.use_real_weights(False)
    net.set_activation("clipped")
    np.testing.assert_array_equal(net(images).detach(), before)
    with torch.no_grad():
        for weight in net.binary_weights():
            weight.mul_(100)
    net.limit_latents()
    assert {float(weight.detach().abs().max()) for weight in net.binary_weights()} <= {1.0}


def test_only_thresholds_and_binary_layers_deploy(net: Trainable) -> None:
    assert (net.undeployable == "") == isinstance(net, BinaryNet)
    assert "\n" not in net.undeployable
    assert net.thermometer.integer_thresholds().shape == ((3, 4) if isinstance(net, BinaryNet) else (3, 0))
    net.set_activation("tanh")
    assert isinstance(net, BinaryNet) == net.undeployable.endswith("which is what the hardware computes, got tanh")


def test_encodings_that_do_not_deploy_are_named() -> None:
    assert 'got "bit-planes"' in BinaryNet(SHAPE, 8, LAYERS, 5, encoding="bit-planes").undeployable
    assert 'got "real": a float network' in BinaryNet(SHAPE, 4, LAYERS, 5, encoding="ramps", activation="hardtanh").undeployable


def test_transfer_points_of_a_layer_table_are_what_its_signs_are_taken_of() -> None:
    torch.manual_seed(3)
    net = BinaryNet(SHAPE, 4, LAYERS, 5).eval()
    images = images_for()
    signs = net.thermometer(images)
    points = net.transfer_points(images)
    assert [list(point.shape) for point in points] == [[6, 8, 8, 8], [6, 12, 8, 8]]  # of convolutions alone
    for point, block in zip(points, net.blocks, strict=False):
        signs = block(signs)
        np.testing.assert_array_equal(sign(point).detach(), signs.detach())
        assert len(np.unique(signs.square().sum(1).detach())) == 1  # why not the signs: their energy is the same everywhere
        assert len(np.unique(point.square().sum(1).detach())) > 100
