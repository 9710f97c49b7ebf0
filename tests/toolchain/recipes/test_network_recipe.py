"""[network] in a recipe: read and checked, trained and resumed like a layer table, and refused where hardware would be needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from owlbit.export.errors import OwlbitError
from owlbit.models.networks.resnet import ResNet18 as ResNet
from owlbit.models.networks.xnor import XnorBlock, XnorNet
from owlbit.models.paper_networks import FloatResNet18, NetworkTable, ResNet18, Xnor
from owlbit.toolchain.cli.app import app
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.deploy.export_run import export_net, export_run
from owlbit.toolchain.deploy.torch_scores import torch_scores
from owlbit.toolchain.recipes.data import PIXELS
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe
from owlbit.toolchain.recipes.training import Distillation
from owlbit.toolchain.runs.build_net import build_net, teacher_recipe
from owlbit.toolchain.runs.weights import load_run
from owlbit.toolchain.training.train import train
from tiny_recipe import quiet

torch.set_num_threads(1)
RECIPES = Path(__file__).parents[3] / "models" / "recipes"
DATA = """
[data]
source = "npz"
path = "images.npz"
size = [8, 8]
colour = "rgb"
"""
TRAINING = """
[training]
epochs = 4
batch = 16
estimator = "triangular"
stages = 2
"""
RESNET = '[network]\nkind = "resnet18"\nwidth = 0.0625\n'
XNOR = '[network]\nkind = "xnor"\nwidth = 0.0625\n'


def recipe_for(folder: Path, network: str = RESNET, rest: str = TRAINING) -> Recipe:
    generator = np.random.default_rng(0)
    labels = np.arange(80) % 2
    images = generator.integers(0, 100, (80, 3, 8, 8), dtype=np.uint8)
    for label in (0, 1):
        images[labels == label, :, 4 * label : 4 * label + 4] += 60
    np.savez(folder / "images.npz", images=images, labels=labels)
    (folder / "recipe.toml").write_text(DATA + network + rest)
    return load_recipe(folder / "recipe.toml")


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("r2b_resnet18_cifar", ResNet18()),
        ("strong_baseline_resnet18_cifar", ResNet18(gate_reduction=0)),
        ("bnn_resnet18_cifar", ResNet18(downsample="binary", double_skip=False, gate_reduction=0, scale="none")),
        ("xnor_vgg_cifar", Xnor(input_scale=True)),
    ],
)
def test_recipes_that_ship_name_their_network_and_how_it_does_not_deploy(name: str, table: NetworkTable) -> None:
    recipe = load_recipe(RECIPES / f"{name}.toml")
    assert (recipe.name, recipe.network, recipe.layers, recipe.input) == (name, table, (), PIXELS)
    with torch.device("meta"):
        net = build_net(recipe, 10)
    assert net.undeployable and "Does" in recipe.text and "not deploy" in recipe.text


def test_each_kind_builds_its_network_and_teacher(tmp_path: Path) -> None:
    resnet = recipe_for(tmp_path)
    distillation = Distillation("float")
    net, teacher = build_net(resnet, 2), build_net(teacher_recipe(resnet, distillation), 2)
    assert isinstance(net, ResNet) and net.table == ResNet18(width=1 / 16)
    assert isinstance(teacher, ResNet) and teacher.table == FloatResNet18(width=1 / 16)
    images = torch.zeros(2, 3, 8, 8)
    assert [point.shape for point in net.transfer_points(images)] == [point.shape for point in teacher.transfer_points(images)]
    xnor = recipe_for(tmp_path, XNOR)
    net, teacher = build_net(xnor, 2), build_net(teacher_recipe(xnor, distillation), 2)
    assert isinstance(net, XnorNet) and isinstance(teacher, XnorNet)
    block, of_teacher = net.blocks[0], teacher.blocks[0]
    assert isinstance(block, XnorBlock) and isinstance(of_teacher, XnorBlock)
    assert block.activation_name == "triangular" and not block.conv.conv.real
    assert of_teacher.activation_name == "relu" and of_teacher.conv.conv.real
    net = build_net(recipe_for(tmp_path, '[network]\nkind = "float-resnet18"\nstem = "imagenet"\n', ""), 2)
    assert isinstance(net, ResNet) and net.table == FloatResNet18("imagenet")


@pytest.mark.parametrize("network", [RESNET, XNOR + "input_scale = true\n"])
def test_it_trains_in_two_stages_and_resumes_to_the_bit(tmp_path: Path, network: str) -> None:
    recipe = recipe_for(tmp_path, network)
    result = train(recipe, tmp_path / "whole", console=quiet())
    assert train(recipe, tmp_path / "halves", console=quiet(), stop_after=2) is None
    train(recipe, tmp_path / "halves", console=quiet(), resume=True)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "halves")]
    assert files[0] == files[1]
    assert result is not None and result.thresholds == [[], [], []] and result.best_epoch >= 2
    net = load_run(tmp_path / "whole").net
    assert all(float(weight.detach().abs().max()) <= 1 for weight in net.binary_weights())
    images = torch.from_numpy(load_dataset(recipe.data, tmp_path).validation.images)
    accuracy = (net(images).argmax(1).numpy() == load_dataset(recipe.data, tmp_path).validation.labels).mean()
    assert accuracy == pytest.approx(result.validation_accuracy)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (RESNET, r'got "resnet18", whose first convolution, shortcuts, gates, scales, last layer and skips are real-valued'),
        (
            RESNET + 'scale = "none"\ngate_reduction = 0\n',
            r"whose first convolution, shortcuts, last layer and skips are",
        ),
        (XNOR, r'got "xnor", whose first convolution, scales and last layer are real-valued'),
    ],
)
def test_export_is_refused_in_one_sentence_that_names_the_part(tmp_path: Path, network: str, message: str) -> None:
    recipe = recipe_for(tmp_path, network)
    train(recipe, tmp_path / "run", console=quiet())
    images = load_dataset(recipe.data, tmp_path).train.images
    uses: list[Callable[[], Any]] = [
        lambda: export_run(tmp_path / "run"),
        lambda: torch_scores(tmp_path / "run", images),
        lambda: export_net(build_net(recipe, 2), tmp_path / "untrained", (), recipe.name),
    ]
    for use in uses:
        with pytest.raises(OwlbitError, match=message) as caught:
            use()
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "model.onnx").exists() and not (tmp_path / "untrained").exists()
    result = CliRunner().invoke(app, ["export", str(tmp_path / "run")])
    assert result.exit_code == 2 and "network.kind: expected a network of binary layers alone" in " ".join(result.output.split())


def test_a_layer_table_has_no_network() -> None:
    assert load_recipe(RECIPES / "digits.toml").network is None
