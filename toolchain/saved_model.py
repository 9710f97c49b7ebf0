"""The weights of a run: written whole, read back without unpickling anything, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from export.atomic import write_bytes
from models.network import BinaryNet
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
    return BinaryNet(recipe.input_shape, recipe.input.thresholds, recipe.layers, classes)


def write_model(folder: Path, state: dict[str, Tensor]) -> None:
    """Writes the weights `state`, whole or not at all."""
    write_bytes(folder / MODEL, safetensors.torch.save({name: tensor.contiguous() for name, tensor in state.items()}))


def load_run(folder: Path | str) -> TrainedRun:
    """The trained network of a finished run. Raises RunError where it is not there, not whole, or not of this recipe."""
    folder = Path(folder)
    recipe, class_names, _ = run_recipe(folder)
    net = build_net(recipe, len(class_names))
    try:
        state = safetensors.torch.load_file(folder / MODEL)
    except FileNotFoundError:
        raise RunError(f"{folder / MODEL}: expected the weights of a finished run, found none; resume the training") from None
    except (OSError, SafetensorError) as error:
        raise RunError(f"{folder / MODEL}: expected the weights as training writes them, could not read them ({error})") from None
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).split("\n")[1].strip()
        raise RunError(f"{folder / MODEL}: expected the weights of the network in {RECIPE}, got others ({reason})") from None
    for name, tensor in net.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise RunError(f"{folder / MODEL}: expected finite weights, got NaN or infinity in {name}; train again")
    return TrainedRun(recipe, class_names, net.eval())
