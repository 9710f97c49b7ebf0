"""What a network is made of, as plain data: the layer table of a recipe, and the shapes that follow from it. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from owlbit.models.recipe_keys import OneOf, key

Shape = tuple[int, int, int]
GATES = ("or", "xor", "mux")


class TableError(ValueError):
    """A layer that does not fit: `index` is its place in the table (from 0), `key` the field at fault."""

    def __init__(self, index: int, key: str, message: str) -> None:
        super().__init__(message)
        self.index = index
        self.key = key


@dataclass(frozen=True)
class Conv:
    """Binary convolution, then normalisation, sign, OR-pool and logic skip."""

    filters: Annotated[int, key("output channels", 1, 65536)]
    kernel: Annotated[int, key("height and width, odd", 1, 15)] = 3
    stride: Annotated[int, key("rows and columns from one window to the next", 1, 8)] = 1
    groups: Annotated[int, key("groups of channels that are convolved separately", 1, 65536)] = 1
    pool: Annotated[int, key("side and stride of the OR-pool window; 1 for none", 1, 8)] = 1
    shuffle: Annotated[bool, key("first permute the input channels as in ShuffleNet, with `groups` groups")] = False
    padding: Annotated[
        bool,
        key(
            "-1 around the map, `kernel // 2` on every side, which keeps its size at stride 1; without it the map loses "
            "`kernel - 1` rows and columns"
        ),
    ] = True
    skip: Annotated[
        str,
        OneOf("the gate that combines the output map with the input map (before its shuffle), which has the same shape", GATES),
    ] = ""


@dataclass(frozen=True)
class Linear:
    """Hidden binary linear layer over the flattened map, then normalisation and sign."""

    features: Annotated[int, key("outputs", 1, 65536)]


Layer = Conv | Linear


def layer_shapes(input_shape: Shape, layers: tuple[Layer, ...]) -> list[Shape]:
    """The map [C, H, W] after each layer, for a first layer that reads `input_shape` (channels after the thermometer).

    Raises TableError where a group count does not divide, a kernel is even, a map is too small for its pool or, without padding,
    for its kernel, a logic skip is none of `GATES` or joins maps of two shapes, or a convolution follows a linear layer.
    """
    shapes: list[Shape] = []
    shape = input_shape
    for index, layer in enumerate(layers):
        shape = _conv_shape(index, layer, shape, layers[:index]) if isinstance(layer, Conv) else (layer.features, 1, 1)
        shapes.append(shape)
    return shapes


def _conv_shape(index: int, layer: Conv, shape: Shape, before: tuple[Layer, ...]) -> Shape:
    channels = shape[0]
    if any(isinstance(earlier, Linear) for earlier in before):
        raise TableError(index, "kind", "expected no convolution after a linear layer; move the linear layer to the end")
    if layer.kernel % 2 == 0:
        raise TableError(index, "kernel", f"expected an odd kernel, got {layer.kernel}")
    if channels % layer.groups:
        raise TableError(index, "groups", f"expected a divisor of the {channels} input channels, got {layer.groups} groups")
    if layer.filters % layer.groups:
        raise TableError(index, "groups", f"expected a divisor of the {layer.filters} filters, got {layer.groups} groups")
    if not layer.padding and min(shape[1:]) < layer.kernel:
        size = f"{shape[1]}x{shape[2]}"
        raise TableError(
            index, "kernel", f"expected one that fits the {size} map without padding, got {layer.kernel}x{layer.kernel}"
        )
    height, width = _unpooled(layer, shape)
    if min(height, width) < layer.pool:
        raise TableError(index, "pool", f"expected a window that fits the {height}x{width} map, got {layer.pool}x{layer.pool}")
    after = layer.filters, height // layer.pool, width // layer.pool
    if layer.skip not in ("", *GATES):
        raise TableError(index, "skip", f"expected one of {', '.join(GATES)}, got {layer.skip}")
    if layer.skip and after != shape:
        raise TableError(
            index,
            "skip",
            f"expected a layer that keeps the shape of its map (filters = {channels}, stride = 1, pool = 1), "
            f"got {'x'.join(map(str, shape))} to {'x'.join(map(str, after))}",
        )
    return after


def removable(input_shape: Shape, layers: tuple[Layer, ...]) -> tuple[int, ...]:
    """The convolutions among `layers` that make a map of the shape that they read; `input_shape`: what the first one reads."""
    shapes = [input_shape, *layer_shapes(input_shape, layers)]
    return tuple(i for i, layer in enumerate(layers) if isinstance(layer, Conv) and shapes[i] == shapes[i + 1])


def weight_bits(input_shape: Shape, layers: tuple[Layer, ...], classes: int) -> int:
    """Binary weights of the whole network, the scores layer and the selections of multiplexers included."""
    shapes = [input_shape, *layer_shapes(input_shape, layers)]
    selections = sum(layer.filters for layer in layers if isinstance(layer, Conv) and layer.skip == "mux")
    weights = sum(_bits(layer, shape) for layer, shape in zip(layers, shapes, strict=False))
    return weights + selections + classes * _size(shapes[-1])


def macs(input_shape: Shape, layers: tuple[Layer, ...]) -> int:
    """Binary multiply-accumulates per image in `layers` (the scores layer, which has one a weight, left out)."""
    total = 0
    shape = input_shape
    for layer, after in zip(layers, layer_shapes(input_shape, layers), strict=True):
        # Before pooling: every weight of a convolution is used once at every position of the unpooled map.
        positions = math.prod(_unpooled(layer, shape)) if isinstance(layer, Conv) else 1
        total += _bits(layer, shape) * positions
        shape = after
    return total


def _bits(layer: Layer, shape: Shape) -> int:
    if isinstance(layer, Conv):
        return layer.filters * (shape[0] // layer.groups) * layer.kernel**2
    return layer.features * _size(shape)


def _unpooled(layer: Conv, shape: Shape) -> tuple[int, int]:
    lost = 0 if layer.padding else layer.kernel - 1
    return (shape[1] - lost - 1) // layer.stride + 1, (shape[2] - lost - 1) // layer.stride + 1


def _size(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2]
