"""A training step away from the processor, on torch's meta device: all that a network makes is made where its weights are.

Meta tensors have no values, so what reads one (numpy, a compiled loop) fails, and so does one that meets a processor's tensor. It
is no GPU, but it takes the way that a GPU takes.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from owlbit.models import paper_networks as tables
from owlbit.models.attention import attention_loss
from owlbit.models.layer_table import Conv, Layer, Linear
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.resnet import ResNet18
from owlbit.models.networks.trainable import Trainable
from owlbit.models.networks.xnor import XnorNet
from owlbit.models.pruning.heavy_blocks import add_heavy, heavy_chains

CONVS = (Conv(8, pool=2), Conv(8, groups=2, shuffle=True, skip="mux"), Conv(8, skip="or"), Conv(8, skip="xor"))
LAYERS: tuple[Layer, ...] = (*CONVS, Linear(6))


def heavy() -> BinaryNet:
    net = BinaryNet((3, 8, 8), 3, LAYERS, 4)
    add_heavy(net, (9, 8, 8), LAYERS, heavy_chains(LAYERS, 1, 2))
    return net


NETWORKS: dict[str, Callable[[], Trainable]] = {
    "thermometer": lambda: BinaryNet((3, 8, 8), 3, LAYERS, 4),
    "shared, triangular": lambda: BinaryNet((3, 8, 8), 3, LAYERS, 4, shared=True, activation="triangular"),
    "bit planes": lambda: BinaryNet((3, 8, 8), 8, LAYERS, 4, encoding="bit-planes"),
    "float": lambda: BinaryNet((3, 8, 8), 3, LAYERS, 4, encoding="ramps", activation="relu"),
    "tanh": lambda: BinaryNet((3, 8, 8), 3, LAYERS, 4, activation="tanh"),
    "heavy": heavy,
    **{
        f"resnet18, {name}": partial(ResNet18, (3, 16, 16), 4, replace(table, stem="cifar", width=1 / 32))
        for name, table in tables.RESNET18_VARIANTS.items()
    },
    **{
        f"xnor, {scale}": partial(XnorNet, (3, 8, 8), 4, tables.Xnor(scale=scale, input_scale=True, width=1 / 32))
        for scale in tables.SCALES
    },
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_stays_on_the_device(name: str) -> None:
    net = NETWORKS[name]().to("meta")
    images = torch.zeros(4, *net.input_shape, dtype=torch.uint8, device="meta")
    labels = torch.zeros(4, dtype=torch.int64, device="meta")
    for fast, real in ((None, False), (torch.float32, True), (torch.bfloat16, True)):
        net.train().zero_grad()
        net.fast = fast
        net.use_real_weights(real)
        logits, points = net.logits_and_points(images)
        loss = F.cross_entropy(net.logits(images), labels) + F.cross_entropy(logits, labels)
        torch.autograd.backward(loss + attention_loss(points, points))
        assert all(parameter.grad is not None for parameter in net.parameters())
        net.limit_latents()
        assert net.eval().logits(images).device.type == "meta"
