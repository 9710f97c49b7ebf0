"""The table `[pruning]` of a recipe: heavy blocks to begin with, and a budget to end within."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from owlbit.models.layer_table import Conv, Layer, Shape, layer_shapes, removable
from owlbit.toolchain.recipes.tables import Limits, SettingError, read_table


@dataclass(frozen=True)
class Pruning:
    """From a heavy network to a light one, then to a narrower one; `[[layers]]` is the light one.

    `heavy_groups`: every convolution of more groups begins beside a heavy chain of `heavy_depth` convolutions with that many, whose
    weight falls to zero in the first `anneal` epochs; 0 for none.
    `target_bits`, `target_cycles`: binary weights, and cycles a frame of the UP5K engine, that filters are removed for, in `steps`
    rounds; 0 for no such limit. Layers keep a multiple of `granularity` filters. With `blocks` whole convolutions that keep the
    shape of their map may go too, in the first round.
    """

    heavy_groups: int = 0
    heavy_depth: int = 1
    anneal: int = 0
    target_bits: int = 0
    target_cycles: int = 0
    steps: int = 4
    granularity: int = 16
    blocks: bool = False

    @property
    def removes_filters(self) -> bool:
        """Whether there is a budget."""
        return self.target_bits > 0 or self.target_cycles > 0

    def removal_epochs(self, epochs: int) -> tuple[int, ...]:
        """The epochs, of `epochs`, that begin with a round of removal: spread over the first half of those after the annealing."""
        if not self.removes_filters:
            return ()
        span = (epochs - self.anneal) // 2
        return tuple(self.anneal + (number + 1) * span // self.steps for number in range(self.steps))

    def last_change(self, epochs: int) -> int:
        """The first epoch that begins with the final network."""
        return max((self.anneal, *self.removal_epochs(epochs)))


PRUNING_LIMITS = {
    "heavy_groups": Limits(1, 65536),
    "heavy_depth": Limits(1, 3),
    "anneal": Limits(1, 100000),
    "target_bits": Limits(1, 10**9),
    "target_cycles": Limits(1, 10**12),
    "steps": Limits(1, 1000),
    "granularity": Limits(1, 65536),
}


def read_pruning(
    table: Mapping[str, Any], path: Path, input_shape: Shape, layers: tuple[Layer, ...], epochs: int, *, deploys: bool = True
) -> Pruning:
    """The table `[pruning]` of the recipe `path`, checked against the rest of it; raises SettingError.

    `input_shape`: (C, H, W) that the first of `layers` reads; `deploys`: whether the network has an input that a device can have.
    """
    pruning = read_table(Pruning, table, path, "pruning", PRUNING_LIMITS)
    if not pruning.heavy_groups and not pruning.removes_filters:
        raise SettingError(path, "pruning", "heavy_groups, target_bits or target_cycles", "none of them")
    for key in ("heavy_depth", "anneal"):
        if key in table and not pruning.heavy_groups:
            raise SettingError(path, f"pruning.{key}", "no such key without heavy_groups", str(table[key]))
    for key in ("steps", "granularity", "blocks"):
        if key in table and not pruning.removes_filters:
            raise SettingError(path, f"pruning.{key}", "no such key without target_bits or target_cycles", str(table[key]))
    if pruning.removes_filters and any(isinstance(layer, Conv) and layer.skip for layer in layers):
        wanted = "no target beside a logic skip, whose two maps keep the same channels"
        raise SettingError(path, "pruning", wanted, "one")
    if pruning.blocks and not removable(input_shape, layers):
        raise SettingError(path, "pruning.blocks", "a convolution of [[layers]] that keeps the shape of its map", "none")
    if pruning.target_cycles and not deploys:
        raise SettingError(path, "pruning.target_cycles", "no such key where the input does not deploy", str(pruning.target_cycles))
    if pruning.heavy_groups:
        _check_heavy(pruning, path, input_shape, layers, epochs)
    if pruning.removes_filters and (epochs - pruning.anneal) // 2 < pruning.steps:
        wanted = f"at most {(epochs - pruning.anneal) // 2}, an epoch each in the first half of those after the annealing"
        raise SettingError(path, "pruning.steps", wanted, str(pruning.steps))
    return pruning


def _check_heavy(pruning: Pruning, path: Path, input_shape: Shape, layers: tuple[Layer, ...], epochs: int) -> None:
    if not pruning.anneal:
        raise SettingError(path, "pruning.anneal", "a number of epochs, with heavy_groups", "no such key")
    if pruning.anneal >= epochs:
        raise SettingError(path, "pruning.anneal", f"fewer than training.epochs, which is {epochs}", str(pruning.anneal))
    groups = pruning.heavy_groups
    light = [index for index, layer in enumerate(layers) if isinstance(layer, Conv) and layer.groups > groups]
    if not light:
        raise SettingError(path, "pruning.heavy_groups", "fewer groups than some convolution of [[layers]] has", str(groups))
    shapes = [input_shape, *layer_shapes(input_shape, layers)]
    for index in light:
        for kind, channels in (("input channels", shapes[index][0]), ("filters", shapes[index + 1][0])):
            if channels % groups:
                wanted = f"a divisor of the {channels} {kind} of layers[{index}]"
                raise SettingError(path, "pruning.heavy_groups", wanted, str(groups))
