"""The weights of a run: written whole, read back without unpickling anything, and checked."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_bytes
from owlbit.models.layer_table import Conv
from owlbit.models.layers.thermometer import LearnedThermometer
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.resnet import ResNet18 as ResNet
from owlbit.models.networks.trainable import Trainable
from owlbit.models.networks.xnor import XnorNet
from owlbit.models.paper_networks import FloatResNet18, NetworkTable, ResNet18, Xnor
from owlbit.toolchain.pruning import fit_widths
from owlbit.toolchain.recipe import Recipe
from owlbit.toolchain.run_folder import MODEL, RECIPE, RunError, run_recipe
from owlbit.toolchain.training_recipe import Distillation

Net = TypeVar("Net", bound=Trainable)


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A finished run: its recipe, its class names, and the network of its best epoch in eval mode."""

    recipe: Recipe
    class_names: tuple[str, ...]
    net: Trainable


def build_net(recipe: Recipe, classes: int) -> Trainable:
    """The untrained network of `recipe` for so many classes: that of its [network], or of its layers.

    A float one has real weights, ReLU for sign and ramps for a thermometer.
    """
    real = recipe.training.real
    activation = "relu" if real else recipe.training.estimator
    net = _layered(recipe, classes, activation) if recipe.network is None else _network(recipe, classes, recipe.network, activation)
    net.use_real_weights(real)
    return net


def _layered(recipe: Recipe, classes: int, activation: str) -> BinaryNet:
    net = BinaryNet(
        recipe.input_shape,
        recipe.input.thresholds,
        recipe.layers,
        classes,
        shared=recipe.input.shared,
        encoding="ramps" if recipe.training.real else "bit-planes" if recipe.input.encoding == "bit-planes" else "thermometer",
        activation=activation,
    )
    if isinstance(net.thermometer, LearnedThermometer):
        net.thermometer.window = recipe.input.window
    return net


def _network(recipe: Recipe, classes: int, table: NetworkTable, activation: str) -> Trainable:
    if isinstance(table, Xnor):
        return XnorNet(recipe.input_shape, classes, table, activation)
    return ResNet(recipe.input_shape, classes, table, activation)


def teacher_recipe(recipe: Recipe, distillation: Distillation) -> Recipe:
    """The recipe of the float teacher that is trained within a run of `recipe`: ResNet-18 for ResNet-18; else its layers in real
    numbers, without groups if dense."""
    layers, network = recipe.layers, recipe.network
    if distillation.dense:
        layers = tuple(replace(layer, groups=1, shuffle=False) if isinstance(layer, Conv) else layer for layer in layers)
    if isinstance(network, ResNet18):
        network = FloatResNet18(network.stem, network.width)
    training = replace(recipe.training, epochs=distillation.epochs, rate=distillation.rate, stages=1, numbers="real", from_run="")
    return replace(recipe, layers=layers, network=network, training=training, distillation=None, pruning=None)


def deployable(net: Trainable) -> BinaryNet:
    """`net` again. Raises OwlbitError, naming the part that prevents it, where the hardware cannot compute what `net` does."""
    if net.undeployable:
        raise OwlbitError(net.undeployable)
    assert isinstance(net, BinaryNet)  # the only kind that says it deploys
    return net


def write_model(folder: Path, state: dict[str, Tensor], name: str = MODEL) -> None:
    """Writes the weights `state` to the file `name`, whole or not at all."""
    write_bytes(folder / name, safetensors.torch.save({name: tensor.contiguous() for name, tensor in state.items()}))


def load_run(folder: Path | str) -> TrainedRun:
    """The trained network of a finished run. Raises RunError where it is not there, not whole, or not of this recipe."""
    folder = Path(folder)
    recipe, class_names, _ = run_recipe(folder)
    net, path = build_net(recipe, len(class_names)), folder / MODEL
    state = read_state(path)
    if recipe.pruning is not None and isinstance(net, BinaryNet):
        with contextlib.suppress(ValueError):  # what does not fit the recipe is named by `fill_weights`
            net = fit_widths(net, recipe.layers, state)
    return TrainedRun(recipe, class_names, fill_weights(net, state, path))


def read_weights(net: Net, path: Path) -> Net:
    """Fills `net` from the safetensors file `path` and returns it in eval mode. Raises RunError as `load_run` does."""
    return fill_weights(net, read_state(path), path)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of the safetensors file `path`. Raises RunError where it is missing or damaged."""
    try:
        return safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise RunError(f"{path}: expected the weights of a finished run, found none; resume the training") from None
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path}: expected the weights as training writes them, could not read them ({error})") from None


def fill_weights(net: Net, state: dict[str, Tensor], path: Path) -> Net:
    """Fills `net` with `state`, which was read from `path`, and returns it in eval mode. Raises RunError as `load_run` does."""
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).split("\n")[1].strip()
        raise RunError(f"{path}: expected the weights of the network in {RECIPE}, got others ({reason})") from None
    for name, tensor in net.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise RunError(f"{path}: expected finite weights, got NaN or infinity in {name}; train again")
    return net.eval()
