"""The ground type: a fully-binarised network in integers only, and the specification of what each layer computes.

Every simulator, compiler and circuit of owlbit implements this page; `hw/reference.py` is the same page in executable numpy.

Conventions
-----------
* **Bits.** Bit 1 stands for +1 and bit 0 for -1. The sign of zero is +1. Arrays of bits are `uint8` holding 0 and 1.
* **Shapes.** An image is `uint8 [C, H, W]` (colour, row, column), a batch `[N, C, H, W]`; an activation map is bits in the same
  axis order. Flattening a map is C order: feature index `(c * H + h) * W + w`.
* **Thermometer.** Output channel `c * T + t` is 1 where pixel `[c] >= thresholds[c, t]`. A threshold lies in 0..256: 0 always
  fires, 256 never does. A learned thermometer's thresholds rise strictly along t; the type does not demand it.
* **Padding** is -1, that is bit 0, everywhere.
* **Binary convolution and linear layer.** With K = the weights of one filter (kernel height * kernel width * Cin / groups),
  `popcount = sum(xnor(window, filter))` lies in 0..K and the output bit is `popcount >= threshold`, the threshold lying in 0..K+1
  (0: always 1, K+1: never). A normalisation with a negative slope is already folded: the filter was complemented. One with slope
  zero is a constant channel: threshold 0 or K+1. Group g of `groups` reads input channels `[g*Cin/groups, (g+1)*Cin/groups)` and
  makes output channels `[g*Cout/groups, (g+1)*Cout/groups)`.
* **OR-pool** is the maximum of bits over a window, without padding; what does not fill a window is dropped.
* **Channel shuffle.** Output channel i is input channel `permutation[i]`.
* **Logic skip.** The current map, which the layer before made, is joined bit by bit with an earlier map of the same shape, that of
  `layers[source]`. Output bit [c, h, w] is `current | earlier` ("or"), `current ^ earlier` ("xor"), or, by one bit a channel,
  `current` where `select[c]` is 1 and `earlier` where it is 0 ("mux").
* **Scores** are `2 * popcount - K`, one signed integer a class. The class of an image is the first index of the largest score.
* **Input scale.** The file a network came from may have been written for float images. Pixel value v then stands for the float32
  nearest to `v * input_scale + input_offset` (computed in float64); see `Network.input_values`.

A network is one thermometer, then any number of convolutions, OR-pools, shuffles, hidden linear layers and logic skips, then
scores: a list, each layer of which reads the map of the layer before. Only a logic skip reads a second map; it names its maker.
After a linear layer the map is `[features, 1, 1]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError

Bits = NDArray[np.uint8]
Ints = NDArray[np.int32]
Shape = tuple[int, int, int]


class NetworkError(OwlbitError):
    """A layer or a network that the specification does not allow."""


def _frozen(array: Any, dtype: type, what: str, ndim: int) -> NDArray[Any]:
    """A read-only copy of `array` as `dtype`; NetworkError if it has another rank, is empty, or does not fit the dtype exactly."""
    given = np.asarray(array)
    if given.ndim != ndim or given.size == 0:
        raise NetworkError(f"{what}: expected {ndim} non-empty axes, got shape {given.shape}")
    with np.errstate(invalid="ignore"):
        copy: NDArray[Any] = given.astype(dtype)
    if not np.array_equal(copy, given):
        raise NetworkError(f"{what}: expected integers that fit {np.dtype(dtype).name}, got {given.dtype.name} values that do not")
    copy.setflags(write=False)
    return copy


def _bits(array: Any, what: str, ndim: int) -> Bits:
    copy: Bits = _frozen(array, np.uint8, what, ndim)
    if copy.max() > 1:
        raise NetworkError(f"{what}: expected bits 0 and 1, got {int(copy.max())}")
    return copy


def _check_thresholds(thresholds: Ints, fan_in: int, filters: int, what: str) -> None:
    if thresholds.shape != (filters,):
        raise NetworkError(f"{what}: expected {filters} thresholds, one a filter, got {thresholds.size}")
    if thresholds.min() < 0 or thresholds.max() > fan_in + 1:
        raise NetworkError(f"{what}: expected thresholds in 0..{fan_in + 1}, got {int(thresholds.min())}..{int(thresholds.max())}")


class _Shown:
    """A layer whose repr is one line: arrays by their shapes, everything else as it is."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(_shown(name, value) for name, value in vars(self).items())})"


def _shown(name: str, value: Any) -> str:
    return f"{name} {list(value.shape)}" if isinstance(value, np.ndarray) else f"{name}={value!r}"


@dataclass(frozen=True, eq=False, repr=False)
class Thermometer(_Shown):
    """Pixels to bits. `thresholds`: int32 [C, T] in 0..256."""

    thresholds: Ints

    def __post_init__(self) -> None:
        array = _frozen(self.thresholds, np.int32, "thermometer", 2)
        if array.min() < 0 or array.max() > 256:
            raise NetworkError(f"thermometer: expected thresholds in 0..256, got {int(array.min())}..{int(array.max())}")
        object.__setattr__(self, "thresholds", array)

    def output_shape(self, shape: Shape) -> Shape:
        colours, levels = self.thresholds.shape
        if shape[0] != colours:
            raise NetworkError(f"thermometer: expected {colours} colour channels, got {shape[0]}")
        return colours * levels, shape[1], shape[2]


@dataclass(frozen=True, eq=False, repr=False)
class BinaryConv(_Shown):
    """Grouped XNOR-popcount convolution with a threshold a filter.

    `weights`: bits [Cout, Cin/groups, kh, kw]; `thresholds`: int32 [Cout]; `stride`: (rows, columns);
    `padding`: (top, left, bottom, right) rows and columns of bit 0.
    """

    weights: Bits
    thresholds: Ints
    groups: int = 1
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _bits(self.weights, "convolution weights", 4))
        object.__setattr__(self, "thresholds", _frozen(self.thresholds, np.int32, "convolution thresholds", 1))
        _check_thresholds(self.thresholds, self.fan_in, len(self.weights), "convolution")
        if self.groups < 1 or len(self.weights) % self.groups:
            raise NetworkError(f"convolution: {len(self.weights)} filters do not divide into {self.groups} groups")
        if len(self.stride) != 2 or min(self.stride) < 1:
            raise NetworkError(f"convolution: expected two strides of at least 1, got {self.stride}")
        if len(self.padding) != 4 or min(self.padding) < 0:
            raise NetworkError(f"convolution: expected four paddings of at least 0, got {self.padding}")

    @property
    def fan_in(self) -> int:
        """K: the weights of one filter."""
        return int(np.prod(self.weights.shape[1:]))

    def output_shape(self, shape: Shape) -> Shape:
        filters, per_group, kernel_h, kernel_w = self.weights.shape
        if shape[0] != per_group * self.groups:
            raise NetworkError(f"convolution: expected {per_group * self.groups} input channels, got {shape[0]}")
        top, left, bottom, right = self.padding
        height = (shape[1] + top + bottom - kernel_h) // self.stride[0] + 1
        width = (shape[2] + left + right - kernel_w) // self.stride[1] + 1
        if height < 1 or width < 1:
            raise NetworkError(f"convolution: a {kernel_h}x{kernel_w} kernel does not fit a {shape[1]}x{shape[2]} map")
        return filters, height, width


@dataclass(frozen=True, eq=False, repr=False)
class OrPool(_Shown):
    """Maximum of bits over `kernel` (rows, columns), every `stride` (rows, columns)."""

    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)

    def __post_init__(self) -> None:
        if len(self.kernel) != 2 or len(self.stride) != 2 or min(*self.kernel, *self.stride) < 1:
            raise NetworkError(f"OR-pool: expected kernel and stride of at least 1, got {self.kernel} and {self.stride}")

    def output_shape(self, shape: Shape) -> Shape:
        height = (shape[1] - self.kernel[0]) // self.stride[0] + 1
        width = (shape[2] - self.kernel[1]) // self.stride[1] + 1
        if height < 1 or width < 1:
            raise NetworkError(f"OR-pool: a {self.kernel[0]}x{self.kernel[1]} window does not fit a {shape[1]}x{shape[2]} map")
        return shape[0], height, width


@dataclass(frozen=True, eq=False, repr=False)
class ChannelShuffle(_Shown):
    """Reorders channels: output i is input `permutation[i]`; int32 [C]."""

    permutation: Ints

    def __post_init__(self) -> None:
        array = _frozen(self.permutation, np.int32, "channel shuffle", 1)
        if not np.array_equal(np.sort(array), np.arange(array.size)):
            raise NetworkError(f"channel shuffle: expected a permutation of 0..{array.size - 1}")
        object.__setattr__(self, "permutation", array)

    @classmethod
    def of_groups(cls, channels: int, groups: int) -> ChannelShuffle:
        """The ShuffleNet permutation: channels seen as [groups, channels/groups], transposed."""
        if groups < 1 or channels % groups:
            raise NetworkError(f"channel shuffle: {channels} channels do not divide into {groups} groups")
        return cls(np.arange(channels, dtype=np.int32).reshape(groups, -1).T.reshape(-1))

    def output_shape(self, shape: Shape) -> Shape:
        if shape[0] != self.permutation.size:
            raise NetworkError(f"channel shuffle: expected {self.permutation.size} channels, got {shape[0]}")
        return shape


@dataclass(frozen=True, eq=False, repr=False)
class BinaryLinear(_Shown):
    """Hidden XNOR-popcount linear layer. `weights`: bits [features, C*H*W]; `thresholds`: int32 [features]."""

    weights: Bits
    thresholds: Ints

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _bits(self.weights, "linear weights", 2))
        object.__setattr__(self, "thresholds", _frozen(self.thresholds, np.int32, "linear thresholds", 1))
        _check_thresholds(self.thresholds, self.fan_in, len(self.weights), "linear layer")

    @property
    def fan_in(self) -> int:
        """K: the weights of one feature."""
        return int(self.weights.shape[1])

    def output_shape(self, shape: Shape) -> Shape:
        if int(np.prod(shape)) != self.fan_in:
            raise NetworkError(f"linear layer: expected {self.fan_in} inputs, got {int(np.prod(shape))} from a {shape} map")
        return len(self.weights), 1, 1


GATES = ("or", "xor", "mux")


@dataclass(frozen=True, eq=False, repr=False)
class LogicSkip(_Shown):
    """Joins the current map with an earlier one by a logic gate; both have one shape, which is the output's.

    `source`: index in `Network.layers` of the layer whose output is the earlier map: 0 is the thermometer, and the layer directly
    before is not allowed, as its output is the current map; `gate`: a name of `GATES`; `select`: bits [C] for "mux", 1 for the
    channels that take the current map; None for the other gates.
    """

    source: int
    gate: str
    select: Bits | None = None

    def __post_init__(self) -> None:
        if type(self.source) is not int or self.source < 0:
            raise NetworkError(f"logic skip: expected the index of an earlier layer, got {self.source!r}")
        if self.gate not in GATES:
            raise NetworkError(f"logic skip: expected a gate of {', '.join(GATES)}, got {self.gate!r}")
        if (self.select is not None) != (self.gate == "mux"):
            raise NetworkError(f"logic skip: expected select bits for the gate mux, and for no other, got {self.gate!r}")
        if self.select is not None:
            object.__setattr__(self, "select", _bits(self.select, "logic skip select", 1))

    def output_shape(self, shape: Shape) -> Shape:
        if self.select is not None and self.select.size != shape[0]:
            raise NetworkError(f"logic skip: expected {shape[0]} select bits, one a channel, got {self.select.size}")
        return shape

    def check_source(self, shapes: list[Shape]) -> None:
        """NetworkError unless the earlier map has the shape of the current one; `shapes`: the outputs of all layers before."""
        if self.source >= len(shapes) - 1:
            raise NetworkError(
                f"logic skip: expected the index of a layer before the one that it follows, 0..{len(shapes) - 2}, got {self.source}"
            )
        if shapes[self.source] != shapes[-1]:
            raise NetworkError(
                f"logic skip: expected two maps of one shape, got {shapes[self.source]} from layer {self.source} "
                f"and the current {shapes[-1]}"
            )


@dataclass(frozen=True, eq=False, repr=False)
class Scores(_Shown):
    """The last layer: `2 * popcount - K` a class. `weights`: bits [classes, C*H*W]."""

    weights: Bits

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _bits(self.weights, "score weights", 2))

    @property
    def fan_in(self) -> int:
        """K: the weights of one class."""
        return int(self.weights.shape[1])

    def output_shape(self, shape: Shape) -> Shape:
        if int(np.prod(shape)) != self.fan_in:
            raise NetworkError(f"scores: expected {self.fan_in} inputs, got {int(np.prod(shape))} from a {shape} map")
        return len(self.weights), 1, 1


Layer = Thermometer | BinaryConv | OrPool | ChannelShuffle | BinaryLinear | LogicSkip | Scores


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A whole network; see the page above for what it computes.

    `input_shape`: (C, H, W) of the uint8 image; `layers`: thermometer first, scores last; `class_names`: one a class (made up as
    "0", "1", ... when empty); `input_scale`, `input_offset`: what a pixel value stands for in the float file this came from;
    `score_scale`, `score_offset`: a score s stands for `s * score_scale + score_offset` there (the scale is positive, so the
    ranking is the same). Raises NetworkError where a layer does not fit the one before.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    class_names: tuple[str, ...] = ()
    name: str = "network"
    input_scale: float = 1.0
    input_offset: float = 0.0
    score_scale: float = 1.0
    score_offset: float = 0.0
    shapes: tuple[Shape, ...] = field(init=False)

    def __post_init__(self) -> None:
        if len(self.input_shape) != 3 or min(self.input_shape) < 1:
            raise NetworkError(f"expected an input shape (C, H, W) of positive sizes, got {self.input_shape}")
        if len(self.layers) < 2 or not isinstance(self.layers[0], Thermometer) or not isinstance(self.layers[-1], Scores):
            raise NetworkError("expected a thermometer first and scores last")
        if any(isinstance(layer, Thermometer | Scores) for layer in self.layers[1:-1]):
            raise NetworkError("expected one thermometer and one scores layer, got more")
        shapes: list[Shape] = []
        shape = self.input_shape
        for index, layer in enumerate(self.layers):
            try:
                if isinstance(layer, LogicSkip):
                    layer.check_source(shapes)
                shape = layer.output_shape(shape)
            except NetworkError as error:
                raise NetworkError(f"layer {index}: {error}") from None
            shapes.append(shape)
        object.__setattr__(self, "shapes", tuple(shapes))
        names = tuple(self.class_names) or tuple(str(index) for index in range(shape[0]))
        if len(names) != shape[0]:
            raise NetworkError(f"expected {shape[0]} class names, got {len(names)}")
        object.__setattr__(self, "class_names", names)
        if not self.score_scale > 0:
            raise NetworkError(f"expected a positive score scale, got {self.score_scale}")

    def __repr__(self) -> str:
        lines = [f"Network {self.name!r}: uint8 {list(self.input_shape)} to {self.classes} classes"]
        lines += [f"  {index}: {layer!r} -> {list(after)}" for index, (layer, _, after) in enumerate(self.steps())]
        return "\n".join(lines)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.shapes[-1][0]

    def steps(self) -> Iterator[tuple[Layer, Shape, Shape]]:
        """(layer, shape of its input, shape of its output), in order."""
        yield from zip(self.layers, (self.input_shape, *self.shapes[:-1]), self.shapes, strict=True)

    def input_values(self) -> NDArray[np.float32]:
        """float32 [256]: what pixel value v stands for in the float file this network came from."""
        return (np.arange(256, dtype=np.float64) * self.input_scale + self.input_offset).astype(np.float32)

    def check_images(self, images: NDArray[Any]) -> None:
        """NetworkError unless `images` is uint8 [N, C, H, W] with N >= 1 and this network's C, H, W."""
        expected = "uint8 images [N, " + ", ".join(str(size) for size in self.input_shape) + "]"
        if images.dtype != np.uint8:
            raise NetworkError(f"expected {expected}, got dtype {images.dtype.name}")
        if images.ndim != 4 or images.shape[1:] != self.input_shape:
            raise NetworkError(f"expected {expected}, got shape {list(images.shape)}")
        if len(images) == 0:
            raise NetworkError(f"expected {expected} with at least one image, got none")

    def same_as(self, other: Network) -> bool:
        """Whether every field and every integer of both networks is equal."""
        plain = ("input_shape", "class_names", "name", "input_scale", "input_offset", "score_scale", "score_offset", "shapes")
        if any(getattr(self, key) != getattr(other, key) for key in plain) or len(self.layers) != len(other.layers):
            return False
        return all(_same_layer(a, b) for a, b in zip(self.layers, other.layers, strict=True))


def _same_layer(a: Layer, b: Layer) -> bool:
    if type(a) is not type(b):
        return False
    return all(np.array_equal(getattr(a, key), getattr(b, key)) for key in a.__dataclass_fields__)
