"""ResNet-18: what the built modules compute and cost is what the paper's table counts, and every part does what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from owlbit.models.costs.published import VARIANTS, resnet18_costs
from owlbit.models.layers.binary import BinaryConv2d, sign
from owlbit.models.layers.scaled_conv import ScaledConv
from owlbit.models.networks.resnet import BinaryShortcut, BinaryUnit, Gate
from owlbit.models.networks.resnet import ResNet18 as Net
from owlbit.models.paper_networks import RESNET18_VARIANTS, FloatResNet18, ResNet18

torch.set_num_threads(1)
SMALL = ResNet18(width=1 / 8)


def images_for(count: int = 4, side: int = 16) -> Tensor:
    return torch.randint(0, 256, (count, 3, side, side), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def built(table: ResNet18 | FloatResNet18, activation: str = "clipped") -> Net:
    torch.manual_seed(2)
    return Net((3, 16, 16), 5, table, activation)


def counted(net: nn.Module, images: Tensor) -> dict[str, int]:
    """BOPs, FLOPs and weights of convolutions and linear layers, counted while `net` runs on one image."""
    counts = dict.fromkeys(("bops", "flops", "binary weights", "real weights"), 0)

    def count(module: nn.Module, _inputs: object, output: Tensor) -> None:
        assert isinstance(module.weight, Tensor)
        binary = isinstance(module, BinaryConv2d)
        positions = output.shape[2] * output.shape[3] if output.ndim == 4 else 1
        counts["bops" if binary else "flops"] += module.weight.numel() * positions
        counts["binary weights" if binary else "real weights"] += module.weight.numel()

    for module in net.modules():
        if isinstance(module, BinaryConv2d | nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    net(images)
    return counts


@pytest.mark.parametrize("name", RESNET18_VARIANTS)
def test_operations_of_the_module_are_those_of_the_cost_table(name: str) -> None:
    with torch.device("meta"):
        net = Net((3, 224, 224), 1000, RESNET18_VARIANTS[name]).eval()
        counts = counted(net, torch.empty(1, 3, 224, 224))
    rows = [row for row in resnet18_costs(VARIANTS[name]) if row.weights]
    assert counts == {
        "bops": sum(row.bops for row in rows),
        "flops": sum(row.flops for row in rows),
        "binary weights": sum(row.weights for row in rows if row.bops),
        "real weights": sum(row.weights for row in rows if row.flops),
    }
    assert counts["binary weights"] == sum(weight.numel() for weight in net.binary_weights())


def test_variants_are_the_rows_of_the_table() -> None:
    assert list(RESNET18_VARIANTS) == list(VARIANTS)
    for name, counted_as in VARIANTS.items():
        table = RESNET18_VARIANTS[name]
        if isinstance(table, FloatResNet18):
            assert not counted_as.binary
            continue
        assert counted_as.real_shortcut == (table.downsample == "real")
        assert counted_as.scaled == (table.scale != "none")
        assert counted_as.double_skip == table.double_skip
        assert counted_as.gated == (table.gate_reduction == 8)


def test_float_resnet18_has_its_known_parameters() -> None:
    with torch.device("meta"):
        net = Net((3, 224, 224), 1000, FloatResNet18("imagenet"))
    assert sum(parameter.numel() for parameter in net.parameters()) == 11_689_512
    assert net.binary_weights() == []


def test_a_unit_is_its_formula() -> None:
    torch.manual_seed(3)
    unit = BinaryUnit(8, 6, 2, SMALL, "clipped", True).eval()
    assert unit.gate is not None and unit.prelu is not None
    with torch.no_grad():
        unit.norm.running_mean.normal_()  # type: ignore[union-attr]
        unit.norm.bias.normal_()
        unit.conv.alpha.uniform_(0.1, 1)  # type: ignore[union-attr]
        values = torch.randn(3, 8, 7, 7)
        normalised = unit.norm(values)
        bits = torch.where(normalised >= 0, 1.0, -1.0)
        kernels = torch.where(unit.conv.conv.weight >= 0, 1.0, -1.0)
        products = F.conv2d(F.pad(bits, (1, 1, 1, 1), value=-1), kernels, stride=2)
        gates = torch.sigmoid(F.relu(normalised.mean((2, 3)) @ unit.gate.reduce.weight.T) @ unit.gate.expand.weight.T)
        expected = products * unit.conv.factors()[None, :, None, None] * gates[:, :, None, None]
        expected = torch.where(expected >= 0, expected, 0.25 * expected)
        np.testing.assert_allclose(unit(values), expected, rtol=1e-5, atol=1e-5)
    assert unit.gate.reduce.weight.shape == (1, 8) and unit.gate.expand.weight.shape == (6, 1)


@pytest.mark.parametrize("double_skip", [False, True])
def test_skips_go_around_each_unit_or_around_both(double_skip: bool) -> None:
    net = built(replace(SMALL, double_skip=double_skip, gate_reduction=0)).eval()
    block: nn.Module = net.blocks[1]
    for unit in (block.first, block.second):
        assert isinstance(unit, BinaryUnit) and unit.conv.alpha is not None
        with torch.no_grad():
            unit.conv.alpha.zero_()  # what the convolutions make vanishes, skips remain
    values = torch.randn(2, 8, 4, 4)
    np.testing.assert_array_equal(block(values).detach(), values if double_skip else F.relu(values))


@pytest.mark.parametrize("pool", [False, True])
def test_a_binary_shortcut_reads_signs_of_its_normalised_input(pool: bool) -> None:
    shortcut = BinaryShortcut(4, 6, "learned", "clipped", pool)
    seen: list[Tensor] = []
    shortcut.conv.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    values = 5 + torch.rand(2, 4, 6, 6)  # all positive: without a normalisation every sign would be +1
    assert shortcut(values).shape == (2, 6, 3, 3)
    normalised = nn.BatchNorm2d(4)(values)
    np.testing.assert_array_equal(seen[0].detach(), sign(F.avg_pool2d(normalised, 2) if pool else normalised).detach())
    assert 0.2 < float((seen[0] > 0).float().mean()) < 0.8


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize("side", [4, 13, 16])
@pytest.mark.parametrize("name", RESNET18_VARIANTS)
def test_every_variant_trains_at_any_size(name: str, stem: str, side: int) -> None:
    torch.manual_seed(4)
    net = Net((3, side, side), 5, replace(RESNET18_VARIANTS[name], stem=stem, width=1 / 8))
    images = images_for(4, side)
    torch.autograd.backward(F.cross_entropy(net.logits(images), torch.arange(4)))
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), key
    assert all(float(weight.grad.abs().max()) > 0 for weight in net.binary_weights() if weight.grad is not None)
    logits, points = net.eval().logits_and_points(images)
    np.testing.assert_array_equal(logits.detach(), net(images).detach())
    first = side if stem == "cifar" else ((side + 1) // 2 + 1) // 2
    sides = [first, (first + 1) // 2, ((first + 1) // 2 + 1) // 2, (((first + 1) // 2 + 1) // 2 + 1) // 2]
    assert [list(point.shape) for point in points] == [
        [4, 8 << stage, sides[stage], sides[stage]] for stage in (0, 0, 1, 1, 2, 2, 3, 3)
    ]


def test_student_and_teacher_have_transfer_points_of_one_size() -> None:
    images = images_for()
    student, teacher = built(SMALL), built(FloatResNet18(width=1 / 4))
    for mine, its in zip(student.transfer_points(images), teacher.transfer_points(images), strict=True):
        assert mine.shape[2:] == its.shape[2:] and 2 * mine.shape[1] == its.shape[1]


def test_first_student_of_the_chain_is_real_with_tanh_in_place_of_sign() -> None:
    net = built(SMALL).eval()
    images = images_for()
    seen: dict[str, Tensor] = {}
    net.blocks[2].first.conv.register_forward_hook(lambda _m, inputs, output: seen.update(read=inputs[0], made=output))  # type: ignore[union-attr]
    binary = net(images)
    assert set(np.unique(seen["read"].detach())) == {-1.0, 1.0}
    net.set_activation("tanh")
    net.use_real_weights(True)
    real = net(images)
    assert len(np.unique(seen["read"].detach())) > 100 and float(seen["read"].detach().abs().max()) < 1
    assert (binary != real).any()
    net.set_activation("triangular")
    net.use_real_weights(False)
    np.testing.assert_array_equal(net(images).detach(), binary.detach())
    with pytest.raises(ValueError, match=r"expected an activation out of clipped, triangular, .*, got swish"):
        net.set_activation("swish")


@pytest.mark.parametrize("activation", ["clipped", "triangular"])
def test_estimators_differ_backward_alone(activation: str) -> None:
    net, images = built(SMALL, activation), images_for()
    other = built(SMALL, "clipped")
    np.testing.assert_array_equal(net(images).detach(), other(images).detach())
    for each in (net, other):
        torch.autograd.backward(each(images)[:, 0].sum())
    first, its_first = net.binary_weights()[0].grad, other.binary_weights()[0].grad
    assert first is not None and its_first is not None
    assert torch.equal(first, its_first) == (activation == "clipped")


def test_scales_are_their_formulas() -> None:
    convs = {}
    for scale in ("learned", "mean", "abs-mean", "none"):
        torch.manual_seed(5)
        convs[scale] = ScaledConv(16, 8, 3, scale=scale)
    weights = convs["mean"].conv.weight.detach().numpy().reshape(8, -1)
    signs = torch.where(torch.rand(2, 16, 5, 5) < 0.5, -1.0, 1.0)
    products = convs["none"](signs).detach().numpy()
    expected = {
        "learned": np.full(8, 1 / 12),
        "mean": np.abs(weights).mean(1),
        "abs-mean": np.abs(weights.mean(1)),
        "none": np.ones(8),
    }
    for scale, conv in convs.items():
        np.testing.assert_allclose(conv.factors().detach().numpy(), expected[scale], rtol=1e-5)
        np.testing.assert_allclose(conv(signs).detach().numpy(), products * expected[scale][:, None, None], rtol=1e-4)
    assert (expected["abs-mean"] < 0.5 * expected["mean"]).all()
    with pytest.raises(ValueError, match="expected a scale out of learned, mean, abs-mean, none, got max"):
        ScaledConv(16, 8, 3, scale="max")


@pytest.mark.parametrize("scale", ["mean", "abs-mean"])
def test_real_weights_need_no_scale(scale: str) -> None:
    conv = ScaledConv(4, 6, 3, scale=scale)
    conv.conv.real = True
    values = torch.rand(2, 4, 5, 5)
    expected = F.conv2d(F.pad(values, (1, 1, 1, 1), value=-1), conv.conv.weight)
    np.testing.assert_allclose(conv(values).detach(), expected.detach(), rtol=1e-4, atol=1e-5)


def test_gates_are_shares_and_hang_on_the_image() -> None:
    gate = Gate(16, 8, 8)
    gates = gate(torch.randn(3, 16, 4, 4))
    assert gates.shape == (3, 8, 1, 1)
    assert float(gates.detach().min()) > 0 and float(gates.detach().max()) < 1
    assert (gates[0] != gates[1]).any()


def test_latents_are_clipped_and_alpha_is_not() -> None:
    net = built(SMALL)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(3)
    net.limit_latents()
    assert all(float(weight.detach().max()) == 1 for weight in net.binary_weights())
    assert {float(p.detach().max()) for key, p in net.named_parameters() if "alpha" in key or "stem" in key} == {3}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (replace(SMALL, stem="vit"), "expected a stem out of cifar, imagenet, got vit"),
        (replace(SMALL, downsample="none"), "expected downsample to be real or binary, got none"),
        (replace(SMALL, width=0.3), "expected a width that makes a whole number of 64 filters, got 0.3"),
    ],
)
def test_what_there_is_not_is_named(table: ResNet18, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        built(table)


def test_the_part_that_prevents_deployment_is_named() -> None:
    assert "whose first convolution, shortcuts, gates, scales, last layer and skips are real-valued" in built(SMALL).undeployable
    plain = built(replace(SMALL, downsample="binary", gate_reduction=0, scale="none")).undeployable
    assert "whose first convolution, last layer and skips are real-valued" in plain
    assert 'got "float-resnet18", all of whose layers are real-valued' in built(FloatResNet18(width=1 / 8)).undeployable
