"""From weights to model.onnx and network.npz: the same integers in torch, in the QONNX executor and in the reference simulator."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rich.console import Console

from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import load_model
from owlbit.export.network import BinaryConv, ChannelShuffle, Thermometer
from owlbit.export.qonnx.execute import execute_qonnx
from owlbit.hw.reference import simulate
from owlbit.models.costs.operations import total
from owlbit.models.costs.published import cnv_costs
from owlbit.models.layer_table import macs, weight_bits
from owlbit.toolchain.deploy.build_up5k import build_model
from owlbit.toolchain.deploy.export_run import export_net, export_run
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.deploy.torch_scores import torch_scores
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.runs.build_net import build_net, deployable
from owlbit.toolchain.runs.weights import load_run
from owlbit.toolchain.training.train import train
from random_nets import random_weights, smooth_images

RECIPE = """
name = "odd"
[data]
source = "none"
size = [13, 11]
colour = "rgb"
classes = 4
[input]
thresholds = 3
[[layers]]
kind = "conv"
filters = 12
groups = 3
pool = 2
[[layers]]
kind = "conv"
filters = 12
groups = 4
shuffle = true
stride = 2
[[layers]]
kind = "conv"
filters = 8
kernel = 1
[[layers]]
kind = "linear"
features = 9
"""


def frames(shape: tuple[int, int, int], count: int = 12) -> NDArray[np.uint8]:
    return smooth_images(count, shape, torch.Generator().manual_seed(8)).numpy()


def test_random_network_gives_equal_integers_everywhere(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text(RECIPE)
    recipe = load_recipe(tmp_path / "odd.toml")
    net = random_weights(deployable(build_net(recipe, 4)), 5)
    network = export_net(net, tmp_path / "out", (), recipe.name)
    assert network.input_shape == (3, 13, 11)
    assert network.name == "odd"
    images = frames(network.input_shape)
    scores = simulate(network, images)
    np.testing.assert_array_equal(net(torch.from_numpy(images)).detach().numpy(), scores)
    np.testing.assert_array_equal(execute_qonnx(tmp_path / "out" / "model.onnx", images), scores)
    assert load_model(tmp_path / "out" / "network.npz").same_as(network)
    assert [layer.groups for layer in network.layers if isinstance(layer, BinaryConv)] == [3, 4, 1]
    assert any(isinstance(layer, ChannelShuffle) for layer in network.layers)


def test_trained_run_gives_equal_integers_everywhere(tmp_path: Path) -> None:
    images = frames((1, 8, 8), 40)
    np.savez(tmp_path / "images.npz", images=images, labels=np.arange(40) % 2, class_names=np.array(["left", "right"]))
    text = RECIPE.replace('"none"', '"npz"\npath = "images.npz"').replace("[13, 11]", "[8, 8]").replace('"rgb"', '"gray"')
    text = text.replace("classes = 4\n", "").replace("thresholds = 3", "thresholds = 6") + "[training]\nepochs = 2\n"
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(OwlbitError, match="expected a run folder"):
        export_run(tmp_path / "run")
    train(load_recipe(tmp_path / "t.toml"), tmp_path / "run", console=Console(file=StringIO()))
    network = export_run(tmp_path / "run")
    assert network.class_names == ("left", "right")
    scores = simulate(network, images)
    np.testing.assert_array_equal(torch_scores(tmp_path / "run", images), scores)
    np.testing.assert_array_equal(execute_qonnx(tmp_path / "run" / "model.onnx", images), scores)
    thermometer = network.layers[0]
    assert isinstance(thermometer, Thermometer)
    np.testing.assert_array_equal(thermometer.thresholds, load_run(tmp_path / "run").net.thermometer.integer_thresholds())
    for wrong in (images.astype(np.float32), images[:, :, :7], images[:0], images[0]):
        with pytest.raises(OwlbitError, match=r"expected uint8 images \[N, 1, 8, 8\], got"):
            torch_scores(tmp_path / "run", wrong)


def test_cnv_has_its_published_counts_exports_and_is_too_large_for_the_up5k(tmp_path: Path) -> None:
    recipe = load_recipe(Path(__file__).parents[3] / "models" / "recipes" / "cnv.toml")
    assert weight_bits((3, 32, 32), recipe.layers, 10) == total(cnv_costs()).weights == 1_542_848
    assert weight_bits(recipe.thermometer_shape, recipe.layers, 10) == 1_542_848 + 64 * (24 - 3) * 9
    first = 64 * 27 * 30 * 30
    assert macs((3, 32, 32), recipe.layers) - first + 512 * 10 == total(cnv_costs()).bops == 57_906_176
    recipe = replace(recipe, data=replace(recipe.data, source="none", classes=10))
    net = random_weights(deployable(build_net(recipe, 10)), 3)
    network = export_net(net, tmp_path, (), recipe.name)
    assert [shape[1:] for shape in network.shapes[1:9]] == [(side, side) for side in (30, 28, 14, 12, 10, 5, 3, 1)]
    images = frames((3, 32, 32), 3)
    np.testing.assert_array_equal(net(torch.from_numpy(images)).detach().numpy(), simulate(network, images))
    with pytest.raises(OwlbitError, match=r"up5k: weights and descriptors take 25475 words of 64 bits, 9092 too many; 16383 fit"):
        build_model(find_model(tmp_path / "network.npz"), tmp_path / "up5k")
    assert not (tmp_path / "up5k").exists()
