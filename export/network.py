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
  `layers[source]`. Output bit [c, h, w] is `current | earlier` ("or"), `current ^ earlier` ("xor"), or, by one bit per channel,
  `current` where `select[c]` is 1 and `earlier` where it is 0 ("mux").
* **Scores** are `2 * popcount - K`, one signed integer per class. They are what a chip computes.
* **Score factors.** Where the file a network came from scales or shifts its classes, what ranks is `score * factor + offset` per
  class, a float32 product and then a float32 sum, each rounded to nearest; else the scores themselves. `Network.ranked` computes
  it, for every backend. The class of an image is the first index of the largest ranked value.
* **Input scale.** The file a network came from may have been written for float images. Pixel value v then stands for the float32
  nearest to `v * input_scale + input_offset` (computed in float64), per colour; see `Network.input_values`.

A network is one thermometer, then any number of convolutions, OR-pools, shuffles, hidden linear layers and logic skips, then
scores: a list, each layer of which reads the map of the layer before. Only a logic skip reads another map too; it names its maker.
After a linear layer the map is `[features, 1, 1]`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.layers import (
    GATES,
    BinaryConv,
    BinaryLinear,
    Bits,
    ChannelShuffle,
    Floats,
    Ints,
    Layer,
    LogicSkip,
    NetworkError,
    OrPool,
    Scores,
    Shape,
    Thermometer,
    whole_numbers,
)
from owlbit.export.limits import LARGEST_IMAGE, LARGEST_MAP

__all__ = [
    "GATES",
    "BinaryConv",
    "BinaryLinear",
    "Bits",
    "ChannelShuffle",
    "Floats",
    "Ints",
    "Layer",
    "LogicSkip",
    "Network",
    "NetworkError",
    "OrPool",
    "Scores",
    "Shape",
    "Thermometer",
    "range_values",
]


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A whole network; see the page above for what it computes.

    `input_shape`: (C, H, W) of the uint8 image; `layers`: thermometer first, scores last; `class_names`: one per class (made up as
    "0", "1", ... when empty); `input_scale`, `input_offset`: what a pixel value stands for in the float file this came from, one
    number for all colours or a tuple of one per colour; `score_factors`, `score_offsets`: float32 [classes], finite, the factors at
    least 0, or None where the integer scores rank as they are; `notes`: sentences of the reader of that file on what it guessed or
    what hangs on float rounding, for people. Raises NetworkError where a layer does not fit the one before.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    class_names: tuple[str, ...] = ()
    name: str = "network"
    input_scale: float | tuple[float, ...] = 1.0
    input_offset: float | tuple[float, ...] = 0.0
    score_factors: Floats | None = None
    score_offsets: Floats | None = None
    notes: tuple[str, ...] = ()
    shapes: tuple[Shape, ...] = field(init=False)

    def __post_init__(self) -> None:
        channels, height, width = whole_numbers(self.input_shape, 3, 1, "input shape (C, H, W)")
        object.__setattr__(self, "input_shape", (channels, height, width))
        if channels * height * width > LARGEST_IMAGE:
            raise NetworkError(f"expected an image of up to {LARGEST_IMAGE:,} values, got {channels}x{height}x{width}")
        if len(self.layers) < 2 or not isinstance(self.layers[0], Thermometer) or not isinstance(self.layers[-1], Scores):
            raise NetworkError("expected a thermometer first and scores last")
        if any(isinstance(layer, Thermometer | Scores) for layer in self.layers[1:-1]):
            raise NetworkError("expected one thermometer and one scores layer, got more")
        self._set_shapes()
        if not isinstance(self.name, str):
            raise NetworkError(f"expected a name that is a text, got {type(self.name).__name__}")
        object.__setattr__(self, "notes", _texts(self.notes, "notes"))
        names = _texts(self.class_names, "class names") or tuple(str(index) for index in range(self.classes))
        if len(names) != self.classes:
            raise NetworkError(f"expected {self.classes} class names, got {len(names)}")
        object.__setattr__(self, "class_names", names)
        object.__setattr__(self, "input_scale", self._per_colour(self.input_scale, "input scale"))
        object.__setattr__(self, "input_offset", self._per_colour(self.input_offset, "input offset"))
        if not np.isfinite(self.input_values()).all() or not np.all(self.input_scale):
            raise NetworkError(f"expected an input scale other than 0 and pixels in float32's range, got {self.input_scale}")
        self._set_factors()

    def _set_shapes(self) -> None:
        shapes: list[Shape] = []
        shape = self.input_shape
        for index, layer in enumerate(self.layers):
            try:
                if isinstance(layer, LogicSkip):
                    layer.check_source(shapes)
                shape = layer.output_shape(shape)
            except NetworkError as error:
                raise NetworkError(f"layer {index}: {error}") from None
            if math.prod(shape) > LARGEST_MAP:
                raise NetworkError(f"layer {index}: expected a map of up to {LARGEST_MAP:,} values, got {list(shape)}")
            shapes.append(shape)
        object.__setattr__(self, "shapes", tuple(shapes))

    def _per_colour(self, given: Any, what: str) -> float | tuple[float, ...]:
        """One number where all colours have the same, else a tuple of one per colour."""
        values = tuple(given) if isinstance(given, tuple | list) else (given,)
        if len(values) not in (1, self.input_shape[0]):
            raise NetworkError(f"{what}: expected one number, or {self.input_shape[0]}, one per colour, got {len(values)}")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
                raise NetworkError(f"{what}: expected finite numbers, got {str(value)[:80]}")
        numbers = tuple(float(value) for value in values)
        return numbers[0] if len(set(numbers)) == 1 else numbers

    def _set_factors(self) -> None:
        if self.score_factors is None and self.score_offsets is None:
            return
        given = (np.ones(1) if self.score_factors is None else self.score_factors, self.score_offsets)
        factors, offsets = (_floats(entry, self.classes, "score factors and offsets") for entry in given)
        if factors.min() < 0:
            raise NetworkError(f"expected score factors of at least 0, got {factors.min()}")
        with np.errstate(over="ignore"):
            if not np.isfinite(np.float32(self.fan_in) * factors + np.abs(offsets)).all():
                raise NetworkError("expected score factors and offsets whose scores float32 holds, got larger ones")
        plain = bool((factors == 1).all() and not offsets.any())
        object.__setattr__(self, "score_factors", None if plain else factors)
        object.__setattr__(self, "score_offsets", None if plain else offsets)

    def __repr__(self) -> str:
        lines = [f"Network {self.name!r}: uint8 {list(self.input_shape)} to {self.classes} classes"]
        lines += [f"  {index}: {layer!r} -> {list(after)}" for index, (layer, _, after) in enumerate(self.steps())]
        return "\n".join(lines)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.shapes[-1][0]

    @property
    def fan_in(self) -> int:
        """K of the scores, which lie in -K..K."""
        last = self.layers[-1]
        assert isinstance(last, Scores)
        return last.fan_in

    def steps(self) -> Iterator[tuple[Layer, Shape, Shape]]:
        """(layer, shape of its input, shape of its output), in order."""
        yield from zip(self.layers, (self.input_shape, *self.shapes[:-1]), self.shapes, strict=True)

    def input_values(self) -> Floats:
        """float32 [C, 256]: what pixel value v of each colour stands for in the float file this network came from."""
        return range_values(self.input_scale, self.input_offset, self.input_shape[0])

    def input_floats(self, images: NDArray[np.uint8]) -> Floats:
        """float32 [N, C, H, W]: what uint8 images [N, C, H, W] stand for in the float file this network came from."""
        values = self.input_values()
        return np.stack([values[colour][images[:, colour]] for colour in range(self.input_shape[0])], axis=1)

    def ranked(self, scores: Ints) -> NDArray[Any]:
        """What ranks, [N, classes] or [classes] as `scores`: int32 where all of it is whole numbers, else float32.

        `scores`: int32, the integers of the last layer. The class of an image is the first index of the largest value.
        """
        if self.score_factors is None or self.score_offsets is None:
            return scores
        values = scores.astype(np.float32) * self.score_factors + self.score_offsets
        return values.astype(np.int32) if self.ranks_by_integers else values

    @property
    def ranks_by_integers(self) -> bool:
        """Whether what ranks is whole numbers, which float32 holds exactly."""
        if self.score_factors is None or self.score_offsets is None:
            return True
        factors, offsets = self.score_factors, self.score_offsets
        # Scores are -K, -K + 2 and so on.
        whole = not ((2 * factors) % 1).any() and not ((offsets - self.fan_in * factors) % 1).any()
        return bool(whole and (factors * self.fan_in + np.abs(offsets)).max() < 2**24)

    def check_images(self, images: NDArray[Any]) -> None:
        """NetworkError unless `images` is uint8 [N, C, H, W] with N >= 1 and this network's C, H, W."""
        expected = "uint8 images [N, " + ", ".join(str(size) for size in self.input_shape) + "]"
        if images.dtype != np.uint8:
            raise NetworkError(f"expected {expected}, got dtype {images.dtype.name}")
        if images.ndim != 4 or images.shape[1:] != self.input_shape:
            raise NetworkError(f"expected {expected}, got shape {list(images.shape)}")
        if len(images) == 0:
            raise NetworkError(f"expected {expected} with at least one image, got none")

    def computes_as(self, other: Network) -> bool:
        """Whether both give the same integers for every image: layer by layer the same weights and thresholds."""
        if self.input_shape != other.input_shape or len(self.layers) != len(other.layers):
            return False
        return all(_same_layer(a, b) for a, b in zip(self.layers, other.layers, strict=True))

    def same_as(self, other: Network) -> bool:
        """Whether every field, but for the notes, and every integer of both networks is equal."""
        plain = ("class_names", "name", "input_scale", "input_offset")
        if any(getattr(self, key) != getattr(other, key) for key in plain):
            return False
        arrays = ("score_factors", "score_offsets")
        return all(_same_array(getattr(self, key), getattr(other, key)) for key in arrays) and self.computes_as(other)


def range_values(scale: float | tuple[float, ...], offset: float | tuple[float, ...], colours: int = 1) -> Floats:
    """float32 [colours, 256]: the float32 nearest to `v * scale + offset`, in float64, for every pixel value v of each colour."""
    scales, offsets = (np.broadcast_to(np.asarray(entry, np.float64), colours)[:, None] for entry in (scale, offset))
    with np.errstate(over="ignore"):
        return (np.arange(256, dtype=np.float64) * scales + offsets).astype(np.float32)


def _floats(given: Any, classes: int, what: str) -> Floats:
    """A read-only float32 [classes]; zeros for None."""
    array = np.zeros(1) if given is None else np.asarray(given)
    if array.dtype.kind not in "iuf" or array.shape not in ((classes,), (1,)):
        raise NetworkError(f"{what}: expected {classes} numbers, one per class, got {array.dtype} {list(array.shape)}")
    with np.errstate(over="ignore"):
        copy = np.array(np.broadcast_to(array, classes), np.float32)
    if not np.isfinite(copy).all():
        raise NetworkError(f"{what}: expected finite numbers in float32's range, got {array.ravel()[:4].tolist()}")
    copy.setflags(write=False)
    return copy


def _texts(given: Any, what: str) -> tuple[str, ...]:
    if not isinstance(given, tuple | list) or not all(isinstance(entry, str) for entry in given):
        raise NetworkError(f"{what}: expected a list of texts, got {str(given)[:80]}")
    return tuple(given)


def _same_array(a: Any, b: Any) -> bool:
    return np.array_equal(a, b) if a is not None and b is not None else a is b


def _same_layer(a: Layer, b: Layer) -> bool:
    if type(a) is not type(b):
        return False
    return all(np.array_equal(getattr(a, key), getattr(b, key)) for key in a.__dataclass_fields__)
