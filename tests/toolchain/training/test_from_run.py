"""A training that begins with the weights of another: from the right ones, resumed to the bit, and what it refuses."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import load_model
from owlbit.hw.reference import simulate
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.toolchain.data.dataset import stratified_split
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.data.synthetic import make_frames
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe
from owlbit.toolchain.runs.build_net import build_net
from owlbit.toolchain.runs.zoo_folder import ZOO
from owlbit.toolchain.training.fit import NetworkTraining
from owlbit.toolchain.training.start_weights import fill_from_network, start_weights
from owlbit.toolchain.training.train import train
from owlbit.toolchain.zoo.card import sample_frames
from tiny_recipe import quiet, recipe_for

FROM_RUN = 'from_run = "first"\nestimator = "triangular"\n'


@pytest.fixture
def later(trained: Path) -> Recipe:
    """A recipe that begins with the weights in the folder "first", which are there."""
    (trained / "run").rename(trained / "first")
    return recipe_for(trained, training=FROM_RUN)


def refusal(recipe: Recipe, folder: Path) -> str:
    with pytest.raises(OwlbitError) as error:
        train(recipe, folder / "second", console=quiet())
    assert not (folder / "second").exists()
    return str(error.value)


def test_the_first_weights_are_those_of_the_other_run_thresholds_included(later: Recipe, tmp_path: Path) -> None:
    first = safetensors.torch.load_file(tmp_path / "first" / "model.safetensors")
    dataset = load_dataset(later.data, tmp_path)
    training = NetworkTraining(later, dataset, tmp_path / "second", quiet(), earlier=first)
    assert training.net.state_dict().keys() == first.keys()
    for name, tensor in training.net.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), first[name].numpy(), err_msg=name)
    # A step too small for anything to move leaves the network that it began with.
    still = dataclasses.replace(later, training=dataclasses.replace(later.training, rate=1e-8, epochs=1))
    train(still, tmp_path / "second", console=quiet())
    second = safetensors.torch.load_file(tmp_path / "second" / "model.safetensors")
    for name in first:
        if name.endswith("weight") and first[name].ndim == 4:
            np.testing.assert_allclose(second[name].numpy(), first[name].numpy(), atol=1e-5, err_msg=name)


def test_resumes_to_the_bit_without_the_other_run(later: Recipe, tmp_path: Path) -> None:
    train(later, tmp_path / "whole", console=quiet())
    assert train(later, tmp_path / "halves", console=quiet(), stop_after=2) is None
    (tmp_path / "first").rename(tmp_path / "gone")
    train(later, tmp_path / "halves", console=quiet(), resume=True)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "halves")]
    assert weights[0] == weights[1]


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    assert "first: expected a run folder, found no such folder" in refusal(recipe_for(tmp_path, training=FROM_RUN), tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("filters = 8\npool", "filters = 16\npool", "expected a run of the same layers, got others"),
        ("shuffle = true\n", "shuffle = false\n", "expected a run of the same layers, got others"),
        ("thresholds = 3\n", "thresholds = 5\n", "expected the weights of this network, "),
        ("thresholds = 3\n", 'thresholds = 3\nencoding = "uniform"\n', 'expected a run with encoding = "uniform", got "learned"'),
    ],
)
def test_weights_of_another_network_are_refused(later: Recipe, tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in later.text
    later.path.write_text(later.text.replace(old, new, 1))
    assert message in refusal(load_recipe(later.path), tmp_path)


def test_for_other_classes_all_but_the_last_layer_is_taken_and_told(
    later: Recipe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = safetensors.torch.load_file(tmp_path / "first" / "model.safetensors")
    with np.load(tmp_path / "images.npz") as arrays:
        labels = np.arange(80) % 3
        np.savez(tmp_path / "images.npz", images=arrays["images"], labels=labels, class_names=np.array(["top", "bottom", "none"]))
    dataset = load_dataset(later.data, tmp_path)
    state = start_weights(later, dataset)
    assert state is not None and set(first) - set(state) == {"classifier.weight"}
    net = NetworkTraining(later, dataset, tmp_path / "second", quiet(), earlier=state).net.state_dict()
    for name in state:
        np.testing.assert_array_equal(net[name].numpy(), first[name].numpy(), err_msg=name)
    assert net["classifier.weight"].shape[0] == 3
    assert "first was trained on other classes: all but the last layer is taken from it, the last begins at random" in caplog.text
    train(later, tmp_path / "second", console=quiet())
    assert safetensors.torch.load_file(tmp_path / "second" / "model.safetensors")["classifier.weight"].shape[0] == 3


@pytest.mark.parametrize("name", ["digits", "cifar10_350k"])
def test_a_network_of_the_zoo_computes_its_own_scores_at_first(name: str) -> None:
    recipe, network = load_recipe(ZOO / name / "recipe.toml"), load_model(ZOO / name / "model.onnx")
    frames = sample_frames(network)
    net = build_net(recipe, network.classes)
    assert isinstance(net, BinaryNet)
    fill_from_network(net, network, frames)
    others = make_frames(network.input_shape, 20, seed=5)  # that placed no normalisation
    np.testing.assert_array_equal(net(torch.from_numpy(others)).detach().numpy(), simulate(network, others))
    training = net.train()(torch.from_numpy(frames)).detach().argmax(1).numpy()  # where batches place them
    assert (training == simulate(network, frames).argmax(1)).all()


def test_a_training_begins_with_a_network_of_the_zoo(tmp_path: Path) -> None:
    text = (ZOO / "digits" / "recipe.toml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("epochs", "rate", "from_run"))]
    changed = "\n".join(lines).replace("[training]", '[training]\nepochs = 1\nrate = 1e-6\nfrom_run = "zoo:digits"')
    (tmp_path / "again.toml").write_text(changed)
    recipe = load_recipe(tmp_path / "again.toml")
    result = train(dataclasses.replace(recipe, distillation=None), tmp_path / "run", console=quiet())
    assert result is not None and result.test_accuracy is not None and result.test_accuracy > 0.95


def test_what_the_zoo_cannot_begin_is_refused(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, training='from_run = "zoo:digits"\n')
    assert "zoo:digits: expected a run of the same layers, got others" in refusal(recipe, tmp_path)
    recipe = recipe_for(tmp_path, training='from_run = "zoo:digit"\n')
    assert 'did you mean "digits"?' in refusal(recipe, tmp_path)


def test_a_smaller_validation_share_is_part_of_a_larger_one() -> None:
    """So that a training with more images has not seen its validation images through the run that it begins with."""
    labels = np.random.default_rng(1).integers(0, 5, 400)
    _, large = stratified_split(labels, 0.2, seed=3)
    _, small = stratified_split(labels, 0.05, seed=3)
    assert 0 < len(small) < len(large)
    assert set(small.tolist()) <= set(large.tolist())
