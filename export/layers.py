"""The layers of a `Network`: what each holds, checked when it is made, and the shape that it makes of its input's.

What they compute is specified in `owlbit.export.network`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.limits import LARGEST_SIZE

Bits = NDArray[np.uint8]
Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Shape = tuple[int, int, int]


class NetworkError(OwlbitError):
    """A layer or a network that the specification does not allow."""


def _frozen(array: Any, dtype: type, what: str, ndim: int) -> NDArray[Any]:
    """A read-only copy of `array` as `dtype`; NetworkError if it has another rank, is empty, or does not fit the dtype exactly."""
    given = np.asarray(array)
    if given.dtype.kind not in "biuf":
        raise NetworkError(f"{what}: expected numbers, got {given.dtype}")
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


def whole_numbers(values: Any, count: int, least: int, what: str) -> tuple[int, ...]:
    """`values` as a tuple of `count` Python integers of at least `least`. Raises NetworkError for anything else."""
    given = tuple(values) if isinstance(values, tuple | list) else ()
    whole = all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in given)
    if len(given) != count or not whole or min(given) < least or max(given) > LARGEST_SIZE:
        raise NetworkError(f"{what}: expected {count} integers in {least}..{LARGEST_SIZE}, got {str(values)[:80]}")
    return tuple(int(value) for value in given)


def _check_thresholds(thresholds: Ints, fan_in: int, filters: int, what: str) -> None:
    if thresholds.shape != (filters,):
        raise NetworkError(f"{what}: expected {filters} thresholds, one per filter, got {thresholds.size}")
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
    """Grouped XNOR-popcount convolution with a threshold per filter.

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
        (groups,) = whole_numbers((self.groups,), 1, 1, "convolution groups")
        if len(self.weights) % groups:
            raise NetworkError(f"convolution: {len(self.weights)} filters do not divide into {groups} groups")
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "stride", whole_numbers(self.stride, 2, 1, "convolution strides"))
        object.__setattr__(self, "padding", whole_numbers(self.padding, 4, 0, "convolution paddings"))

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
        object.__setattr__(self, "kernel", whole_numbers(self.kernel, 2, 1, "OR-pool kernel"))
        object.__setattr__(self, "stride", whole_numbers(self.stride, 2, 1, "OR-pool strides"))

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
            raise NetworkError(f"logic skip: expected {shape[0]} select bits, one per channel, got {self.select.size}")
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
