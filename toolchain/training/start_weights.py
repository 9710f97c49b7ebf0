"""The weights that a training begins with where a recipe has `from_run`: those of a finished run, or of a network of the zoo.

The zoo keeps integers alone. They become latent weights of one magnitude, and normalisations that are placed by the training
images: the network computes the same scores as the integers and trains on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from owlbit.export.load_model import ONNX, load_model
from owlbit.export.network import BinaryConv, BinaryLinear, Bits, LogicSkip, Network, Scores, Thermometer
from owlbit.hw.fast import simulate
from owlbit.models.layers.binary import BinaryConv2d
from owlbit.models.layers.binary import BinaryLinear as BinaryLinearModule
from owlbit.models.layers.logic_skip import MuxSkip
from owlbit.models.layers.thermometer import LearnedThermometer
from owlbit.models.networks.binary_net import BinaryNet, ConvBlock, LinearBlock
from owlbit.toolchain.data.dataset import Dataset, Images
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe
from owlbit.toolchain.runs.build_net import build_net
from owlbit.toolchain.runs.run_folder import RECIPE, RunError
from owlbit.toolchain.runs.weights import load_run
from owlbit.toolchain.runs.zoo_folder import PREFIX, zoo_folder

LOG = logging.getLogger(__name__)

LAST_LAYERS = ("classifier.", "head.")  # of all kinds of networks: what depends on the classes
MAGNITUDE = 0.3  # of latent weights that only a sign is known of; far enough from 0 that a step does not flip them all
PLACING_IMAGES = 512  # that normalisations are placed by
SMALLEST_VARIANCE = 0.01  # of a sum that these images leave constant


@dataclass(frozen=True, eq=False)
class Start:
    """What a training begins with: `state` of the run or network `name`, trained by `recipe` on the classes `class_names`."""

    name: str
    recipe: Recipe
    class_names: tuple[str, ...]
    state: dict[str, Tensor]


def start_weights(recipe: Recipe, dataset: Dataset) -> dict[str, Tensor] | None:
    """The weights that `from_run` names, by their names in the network of `recipe`; None where it names none.

    Where the classes are others, those of the last layer are left out, which is told. Raises OwlbitError where they are another
    network's.
    """
    given = recipe.training.from_run
    if not given:
        return None
    start = _of_zoo(recipe, given, dataset) if given.startswith(PREFIX) else _of_run(recipe.path.parent / given)
    _check_same(start, recipe)
    state = start.state
    if start.class_names != dataset.class_names:
        state = {name: tensor for name, tensor in state.items() if not name.startswith(LAST_LAYERS)}
        LOG.warning(
            "training.from_run: %s was trained on other classes: all but the last layer is taken from it, "
            "the last begins at random",
            start.name,
        )
    wanted = {
        name: tensor
        for name, tensor in build_net(recipe, len(dataset.class_names)).state_dict().items()
        if state is start.state or not name.startswith(LAST_LAYERS)
    }
    for name in sorted({*state, *wanted}):
        shapes = [list(each[name].shape) if name in each else "none" for each in (wanted, state)]
        if shapes[0] != shapes[1]:
            raise RunError(
                f"{start.name}: expected the weights of this network, {name} {shapes[0]}, got {shapes[1]}; "
                "begin with a run of the same input and image size, whose layers are still whole"
            )
    return state


def _check_same(start: Start, recipe: Recipe) -> None:
    if start.recipe.input.encoding != recipe.input.encoding:
        raise RunError(
            f'{start.name}: expected a run with encoding = "{recipe.input.encoding}", got "{start.recipe.input.encoding}"; '
            "begin with another run, or take its encoding"
        )
    if (start.recipe.layers, start.recipe.network) != (recipe.layers, recipe.network):
        raise RunError(f"{start.name}: expected a run of the same layers, got others; begin with another run, or take its layers")


def _of_run(folder: Path) -> Start:
    run = load_run(folder)
    return Start(str(folder), run.recipe, run.class_names, run.net.state_dict())


def _of_zoo(recipe: Recipe, given: str, dataset: Dataset) -> Start:
    folder = zoo_folder(given.removeprefix(PREFIX))
    of_zoo, network = load_recipe(folder / RECIPE), load_model(folder / ONNX)
    start = Start(given, of_zoo, network.class_names, {})
    _check_same(start, recipe)
    if network.input_shape != recipe.input_shape:
        raise RunError(
            f"{given}: expected a network of images {list(recipe.input_shape)}, got one of {list(network.input_shape)}; "
            "begin with another one, or give the images its size and colours"
        )
    net = build_net(of_zoo, network.classes)
    assert isinstance(net, BinaryNet)  # nothing else is exported
    fill_from_network(net, network, dataset.train.images[:PLACING_IMAGES])
    return Start(given, of_zoo, network.class_names, net.state_dict())


@torch.no_grad()
def fill_from_network(net: BinaryNet, network: Network, images: Images) -> None:
    """Fills `net` so that it computes the integers of `network` in eval mode: latent weights, thermometer and normalisations.

    `images`: uint8 [N, C, H, W], whose sums place each normalisation: its mean and variance are theirs, its offset makes the
    network's threshold. Raises RunError where `net` has other layers than `network`.
    """
    layers = [layer for layer in network.layers if isinstance(layer, BinaryConv | BinaryLinear)]
    blocks = [block for block in net.blocks if isinstance(block, ConvBlock | LinearBlock)]
    gates = [layer.select for layer in network.layers if isinstance(layer, LogicSkip) and layer.select is not None]
    scores, thermometer = network.layers[-1], network.layers[0]
    assert isinstance(scores, Scores) and isinstance(thermometer, Thermometer) and isinstance(net.thermometer, LearnedThermometer)
    weights = _latents([*(layer.weights for layer in layers), scores.weights])
    products: list[BinaryConv2d | BinaryLinearModule] = [
        *(block.conv if isinstance(block, ConvBlock) else block.linear for block in blocks),
        net.classifier,
    ]
    if [list(module.weight.shape) for module in products] != [list(weight.shape) for weight in weights]:
        raise RunError(f"{network.name}: expected the layers of its recipe, got others; begin with a network that was not pruned")
    for module, weight in zip(products, weights, strict=True):
        module.weight.copy_(weight)
    selections = [module.weight for module in net.blocks.modules() if isinstance(module, MuxSkip)]
    for latents, select in zip(selections, _latents(gates), strict=True):
        latents.copy_(select)
    net.thermometer.start_at(torch.from_numpy(thermometer.thresholds.copy()).float())
    hooks = [
        block.norm.register_forward_pre_hook(_placing(torch.from_numpy(2 * layer.thresholds - layer.fan_in - 1)))
        for block, layer in zip(blocks, layers, strict=True)
    ]
    net.eval()
    found = net(torch.from_numpy(images)).numpy()
    for hook in hooks:
        hook.remove()
    if not np.array_equal(found, simulate(network, images)):
        raise RuntimeError(f"{network.name}: its integers and those of the network that was filled with them differ")


def _latents(bits: Sequence[Bits]) -> list[Tensor]:
    """float32 latents of MAGNITUDE for bits 0 and 1."""
    return [MAGNITUDE * (2 * torch.from_numpy(each.copy()).float() - 1) for each in bits]


def _placing(thresholds: Tensor) -> Callable[[nn.Module, tuple[Tensor]], None]:
    """A hook that places a normalisation by its input, so that it gives at least 0 from `thresholds`, [channels], on.

    A sum of K signs has the parity of K, so that the threshold 2 t - K - 1 lies in the middle between two sums.
    """

    def place(norm: nn.Module, given: tuple[Tensor]) -> None:
        assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
        sums = given[0].double()
        axes = [axis for axis in range(sums.ndim) if axis != 1]
        mean, variance = sums.mean(axes), sums.var(axes, unbiased=False).clamp(min=SMALLEST_VARIANCE)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.fill_(1.0)
        norm.bias.copy_((mean - thresholds) / (variance + norm.eps).sqrt())

    return place
