"""A recipe becomes an untrained network."""

from __future__ import annotations

from dataclasses import replace

from owlbit.export.errors import OwlbitError
from owlbit.models.layer_table import Conv
from owlbit.models.layers.thermometer import LearnedThermometer
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.resnet import ResNet18 as ResNet
from owlbit.models.networks.resnet9 import ResNet9 as NineLayers
from owlbit.models.networks.trainable import Trainable
from owlbit.models.networks.xnor import XnorNet
from owlbit.models.paper_networks import FloatResNet18, NetworkTable, ResNet9, ResNet18, Xnor
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.recipes.training import Distillation


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
    if isinstance(table, ResNet9):
        return NineLayers(recipe.input_shape, classes, table)
    return ResNet(recipe.input_shape, classes, table, activation)


def teacher_recipe(recipe: Recipe, distillation: Distillation) -> Recipe:
    """The recipe of the float teacher that is trained within a run of `recipe`: ResNet-18 for ResNet-18; else its layers in real
    numbers, without groups if dense."""
    layers, network = recipe.layers, recipe.network
    if distillation.dense:
        layers = tuple(replace(layer, groups=1, shuffle=False) if isinstance(layer, Conv) else layer for layer in layers)
    if isinstance(network, ResNet18):
        network = FloatResNet18(network.stem, network.width)
    training = replace(
        recipe.training,
        epochs=distillation.epochs,
        rate=distillation.rate,
        stages=1,
        numbers="real",
        from_run="",
        weights="clipped",
    )
    return replace(recipe, layers=layers, network=network, training=training, distillation=None, pruning=None)


def deployable(net: Trainable) -> BinaryNet:
    """`net` again. Raises OwlbitError, naming the part that prevents it, where the hardware cannot compute what `net` does."""
    if net.undeployable:
        raise OwlbitError(net.undeployable)
    assert isinstance(net, BinaryNet)  # the only kind that says it deploys
    return net
