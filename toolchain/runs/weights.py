"""The weights of a run: written whole, read back without unpickling anything, and checked."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from owlbit.export.files import write_bytes
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.trainable import Trainable
from owlbit.models.pruning.block_removal import fit_widths
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.build_net import build_net
from owlbit.toolchain.runs.run_folder import MODEL, RECIPE, RunError, run_recipe

Net = TypeVar("Net", bound=Trainable)


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A finished run: its recipe, its class names, and the network of its best epoch in eval mode."""

    recipe: Recipe
    class_names: tuple[str, ...]
    net: Trainable


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
