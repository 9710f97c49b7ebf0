"""The weights of a run: written whole, read back without unpickling anything, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from export.atomic import write_bytes
from export.errors import OwlbitError
from models.encodings import BitPlanes
from models.network import BinaryNet
from models.thermometer import LearnedThermometer
from toolchain.recipe import Recipe
from toolchain.run_folder import MODEL, RECIPE, RunError, run_recipe


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A finished run: its recipe, its class names, and the network of its best epoch in eval mode."""

    recipe: Recipe
    class_names: tuple[str, ...]
    net: BinaryNet


def build_net(recipe: Recipe, classes: int) -> BinaryNet:
    """The untrained network of `recipe` for so many classes."""
    net = BinaryNet(
        recipe.input_shape,
        recipe.input.thresholds,
        recipe.layers,
        classes,
        shared=recipe.input.shared,
        encoding="bit-planes" if recipe.input.encoding == "bit-planes" else "thermometer",
        activation=recipe.training.estimator,
    )
    if isinstance(net.thermometer, LearnedThermometer):
        net.thermometer.window = recipe.input.window
    return net


def build_teacher(recipe: Recipe, classes: int) -> BinaryNet:
    """The untrained float network with the layers of `recipe`: ramps for a thermometer, real weights, HardTanh for sign."""
    levels = recipe.input.thresholds
    teacher = BinaryNet(recipe.input_shape, levels, recipe.layers, classes, encoding="ramps", activation="hardtanh")
    teacher.use_real_weights(True)
    return teacher


def refuse_bit_planes(net: BinaryNet) -> None:
    """Raises OwlbitError where `net` reads bit planes, which no later step can express."""
    if isinstance(net.thermometer, BitPlanes):
        raise OwlbitError(
            'input.encoding: expected thresholds, which is what the hardware compares pixels with, got "bit-planes": such a '
            'network can be trained and measured but not exported; train with encoding "learned", "quantile" or "uniform"'
        )


def write_model(folder: Path, state: dict[str, Tensor], name: str = MODEL) -> None:
    """Writes the weights `state` to the file `name`, whole or not at all."""
    write_bytes(folder / name, safetensors.torch.save({name: tensor.contiguous() for name, tensor in state.items()}))


def load_run(folder: Path | str) -> TrainedRun:
    """The trained network of a finished run. Raises RunError where it is not there, not whole, or not of this recipe."""
    folder = Path(folder)
    recipe, class_names, _ = run_recipe(folder)
    return TrainedRun(recipe, class_names, read_weights(build_net(recipe, len(class_names)), folder / MODEL))


def read_weights(net: BinaryNet, path: Path) -> BinaryNet:
    """Fills `net` from the safetensors file `path` and returns it in eval mode. Raises RunError as `load_run` does."""
    try:
        state = safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise RunError(f"{path}: expected the weights of a finished run, found none; resume the training") from None
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path}: expected the weights as training writes them, could not read them ({error})") from None
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).split("\n")[1].strip()
        raise RunError(f"{path}: expected the weights of the network in {RECIPE}, got others ({reason})") from None
    for name, tensor in net.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise RunError(f"{path}: expected finite weights, got NaN or infinity in {name}; train again")
    return net.eval()
