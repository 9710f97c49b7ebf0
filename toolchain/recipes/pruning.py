"""The table `[pruning]` of a recipe: heavy blocks to begin with, and a budget to end within."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import WrapValidator

from owlbit.export.settings import RefusedError
from owlbit.models.layer_table import Conv, Layer, Shape, layer_shapes, removable
from owlbit.models.recipe_keys import key


@dataclass(frozen=True)
class Pruning:
    """From a heavy network to a light one, then to a narrower one; `[[layers]]` is the light one."""

    heavy_groups: Annotated[
        int, key("each convolution with more groups starts with a parallel chain of convolutions with this many groups", 1, 65536)
    ] = 0
    heavy_depth: Annotated[int, key("convolutions in a heavy chain", 1, 3)] = 1
    anneal: Annotated[int, key("number of first epochs in which the weight of the heavy chains falls to zero", 1, 100000)] = 0
    target_bits: Annotated[int, key("budget of binary weights; filters are removed until it is met", 1, 10**9)] = 0
    target_cycles: Annotated[int, key("budget of UP5K cycles per frame; filters are removed until it is met", 1, 10**12)] = 0
    steps: Annotated[int, key("rounds of removal", 1, 1000)] = 4
    granularity: Annotated[int, key("each layer keeps a multiple of this many filters", 1, 65536)] = 16
    blocks: Annotated[bool, key("in the first round, convolutions that keep the shape of their map may be removed whole")] = False

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


def _read_pruning(table: Any, read: Callable[[Any], Pruning]) -> Pruning:
    pruning = read(table)
    if not pruning.heavy_groups and not pruning.removes_filters:
        raise RefusedError("", "heavy_groups, target_bits or target_cycles", "none of them")
    for name in ("heavy_depth", "anneal"):
        if name in table and not pruning.heavy_groups:
            raise RefusedError(name, "no such key without heavy_groups", str(table[name]))
    for name in ("steps", "granularity", "blocks"):
        if name in table and not pruning.removes_filters:
            raise RefusedError(name, "no such key without target_bits or target_cycles", str(table[name]))
    if pruning.heavy_groups and not pruning.anneal:
        raise RefusedError("anneal", "a number of epochs, with heavy_groups", "no such key")
    return pruning


PruningTable = Annotated[Pruning, WrapValidator(_read_pruning)]


def check_pruning(pruning: Pruning, input_shape: Shape, layers: tuple[Layer, ...], epochs: int, *, deploys: bool) -> None:
    """Raises RefusedError where [pruning] contradicts the rest of the recipe.

    `input_shape`: (C, H, W) that the first of `layers` reads; `deploys`: whether the network has an input that a device can have.
    """
    if pruning.removes_filters and any(isinstance(layer, Conv) and layer.skip for layer in layers):
        raise RefusedError("pruning", "no target beside a logic skip, whose two maps keep the same channels", "one")
    if pruning.blocks and not removable(input_shape, layers):
        raise RefusedError("pruning.blocks", "a convolution of [[layers]] that keeps the shape of its map", "none")
    if pruning.target_cycles and not deploys:
        raise RefusedError("pruning.target_cycles", "no such key where the input does not deploy", str(pruning.target_cycles))
    if pruning.heavy_groups:
        _check_heavy(pruning, input_shape, layers, epochs)
    if pruning.removes_filters and (epochs - pruning.anneal) // 2 < pruning.steps:
        wanted = f"at most {(epochs - pruning.anneal) // 2}, an epoch each in the first half of those after the annealing"
        raise RefusedError("pruning.steps", wanted, str(pruning.steps))


def _check_heavy(pruning: Pruning, input_shape: Shape, layers: tuple[Layer, ...], epochs: int) -> None:
    if pruning.anneal >= epochs:
        raise RefusedError("pruning.anneal", f"fewer than training.epochs, which is {epochs}", str(pruning.anneal))
    groups = pruning.heavy_groups
    light = [index for index, layer in enumerate(layers) if isinstance(layer, Conv) and layer.groups > groups]
    if not light:
        raise RefusedError("pruning.heavy_groups", "fewer groups than some convolution of [[layers]] has", str(groups))
    shapes = [input_shape, *layer_shapes(input_shape, layers)]
    for index in light:
        for kind, channels in (("input channels", shapes[index][0]), ("filters", shapes[index + 1][0])):
            if channels % groups:
                wanted = f"a divisor of the {channels} {kind} of layers[{index}]"
                raise RefusedError("pruning.heavy_groups", wanted, str(groups))
