"""The form for a GPU computes what the network computes, and trains the same parameters."""

from __future__ import annotations

import pytest
import torch

from owlbit.models.layer_table import Conv, Layer, Linear
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.device_form import DeviceForm

LAYERS: tuple[Layer, ...] = (
    Conv(16, pool=2),
    Conv(32, groups=4, shuffle=True, skip=""),
    Conv(32, groups=2, shuffle=True, skip="or"),
    Conv(24, groups=4, stride=2, padding=True),
    Conv(16, groups=2, shuffle=True, padding=False),
    Linear(32),
)


def network(layers: tuple[Layer, ...] = LAYERS) -> BinaryNet:
    torch.manual_seed(1)
    net = BinaryNet((3, 16, 16), 4, layers, 5, activation="triangular")
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 3)
            module.running_var.uniform_(5, 50)
            torch.nn.init.uniform_(module.weight, -1, 1)  # negative factors too
            torch.nn.init.normal_(module.bias, 0, 0.3)
    return net


def images(count: int = 24) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 16, 16), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)


@pytest.mark.parametrize("dense", [True, False])
def test_scores_are_the_networks_to_the_integer(dense: bool) -> None:
    net = network().eval()
    with torch.no_grad():
        scores = net(images())
        logits = DeviceForm(net, dense=dense)(images())
    assert torch.equal((logits / net.log_temperature.exp()).round(), scores)
    assert len(scores.unique(dim=0)) > 10


@pytest.mark.parametrize("dense", [True, False])
def test_gradients_are_the_networks_but_for_rounding(dense: bool) -> None:
    net, labels = network().train(), torch.arange(24) % 5
    torch.autograd.backward(torch.nn.functional.cross_entropy(net.logits(images()), labels))
    wanted = {name: parameter.grad.clone() for name, parameter in net.named_parameters() if parameter.grad is not None}
    net = network().train()
    torch.autograd.backward(torch.nn.functional.cross_entropy(DeviceForm(net, dense=dense)(images()), labels))
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None
        likeness = torch.nn.functional.cosine_similarity(parameter.grad.flatten(), wanted[name].flatten(), dim=0)
        assert likeness > 0.98, name


def test_the_state_is_the_networks() -> None:
    net = network()
    assert [name.removeprefix("net.") for name in DeviceForm(net).state_dict()] == list(net.state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False])
def test_it_compiles_whole_and_computes_the_same(training: bool) -> None:
    net = network().train(training)
    form = DeviceForm(net)
    compiled = torch.compile(form, dynamic=False, fullgraph=True)  # without a break, which a captured step would not survive
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    plain = form(images())
    net.load_state_dict(state)
    torch.testing.assert_close(compiled(images()), plain, rtol=0.02, atol=0.05)
