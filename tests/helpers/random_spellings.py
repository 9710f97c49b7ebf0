"""Random binary networks as other tools write them: their axes, scales, quantisers, paddings, pools and endings.

`random_spelling(rng, path)` writes a file that has one right answer: scales of weights are powers of two, so that no sum of the
executor is rounded. Which spellings a file has depends on `rng` alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qonnx_builder import Builder

Generator = np.random.Generator
Range = str | tuple[Any, Any]


class Spelling(NamedTuple):
    """`input_range`: of the file; `outputs`: values for an image; `words`: what it was made of, for messages."""

    input_range: Range
    outputs: int
    words: tuple[str, ...]


class _Map:
    """The tensor so far: [1, C, H, W], or [1, H, W, C] where `last`; `low`: the value that stands for bit 0."""

    def __init__(self, name: str, shape: tuple[int, int, int], last: bool) -> None:
        self.name, self.shape, self.last, self.low = name, shape, last, -1.0


class _Writer:
    def __init__(self, rng: Generator) -> None:
        self.rng = rng
        self.b = Builder(int(rng.integers(2**31)))
        self.words: list[str] = []

    def choose(self, *words: str) -> str:
        word = str(self.rng.choice(words))
        self.words.append(word)
        return word

    def to(self, x: _Map, last: bool) -> None:
        """Brings the channels to the end, or to the front."""
        if x.last != last:
            x.name = self.b.add("Transpose", x.name, perm=[0, 2, 3, 1] if last else [0, 3, 1, 2])
            x.last = last

    def per_channel(self, x: _Map, values: NDArray[Any]) -> NDArray[Any]:
        return values if x.last else values.reshape(-1, 1, 1)

    def quantise(self, x: str, zero: str = "") -> tuple[str, float]:
        """Bits of values, and what stands for bit 0."""
        b = self.b
        kind = self.choose("bipolar", "larq", "where", "equal", "detach", "quant", "threshold", "cast", "half", "not")
        match kind:
            case "bipolar":
                return b.add("BipolarQuant", x, 1.0), -1.0
            case "half":
                return b.add("BipolarQuant", x, 0.5), -0.5
            case "larq":
                return b.add("Sign", b.add("Add", b.add("Sign", x), 0.1)), -1.0
            case "where":
                return b.add("Where", b.add("GreaterOrEqual", x, 0.0), 1.0, -1.0), -1.0
            case "not":
                return b.add("Where", b.add("Not", b.add("Less", x, 0.0)), 1.0, -1.0), -1.0
            case "equal":
                sign = b.add("Sign", x)
                return b.add("Where", b.add("Equal", sign, 0.0), 1.0, sign), -1.0
            case "detach":
                sign = b.add("BipolarQuant", x, 1.0)
                return b.add("Add", x, b.add("Sub", sign, x)), -1.0
            case "quant":
                return b.add("Quant", x, 1.0, 0.0, 1.0, signed=1, narrow=0, rounding_mode="ROUND"), -1.0
            case "threshold":
                return b.add("MultiThreshold", x, np.zeros((1, 1)), out_scale=2.0, out_bias=-1.0), -1.0
        return b.add("Cast", b.add("GreaterOrEqual", x, 0.0), to=1), 0.0

    def weights(self, *shape: int) -> str:
        """+-1 or +-2**k, as constants or behind a quantiser; now and then a filter of zeros."""
        b, scale = self.b, float(2.0 ** self.rng.integers(-3, 3))
        kind = self.choose("constants", "quantised", "per filter", "pruned")
        if kind == "quantised":
            return b.add("BipolarQuant", b.rng.normal(size=shape), scale)
        values = b.signs(*shape) * scale
        if kind == "per filter":
            values *= 2.0 ** b.rng.integers(-2, 3, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
        if kind == "pruned":
            values[int(b.rng.integers(shape[0]))] = 0
        return b.constant(values)

    def normalise(self, x: _Map, channels: int) -> None:
        b = self.b
        match self.choose("norm", "norm last", "shift", "quarter", "nothing"):
            case "norm":
                self.to(x, False)
                x.name = b.norm(x.name, channels)
            case "norm last":
                self.to(x, True)
                scale, shift = b.rng.normal(size=channels), b.rng.normal(size=channels)
                x.name = b.add("Add", b.add("Mul", x.name, scale), shift)
            case "shift":
                x.name = b.add("Sub", x.name, self.per_channel(x, b.rng.integers(-4, 5, channels) + 0.5))
            case "quarter":
                x.name = b.add("Add", b.add("Mul", x.name, 0.25), self.per_channel(x, b.rng.integers(-4, 5, channels) / 8))

    def conv(self, x: _Map) -> None:
        b, rng = self.b, self.rng
        channels, height, width = x.shape
        filters, kernel = int(rng.choice([2, 4, 6])), int(rng.choice([1, 2, 3]))
        groups = 2 if channels % 2 == 0 and rng.random() < 0.3 else 1
        stride, pads = int(rng.choice([1, 1, 2])), [0, 0, 0, 0]
        if self.choose("padded", "valid") == "padded":
            self.to(x, bool(rng.random() < 0.5))
            top, left, bottom, right = pads = rng.integers(0, 2, 4).tolist()
            around = [0, top, left, 0, 0, bottom, right, 0] if x.last else [0, 0, top, left, 0, 0, bottom, right]
            if any(pads):
                x.name = b.add("Pad", x.name, b.constant(around, np.int64), b.constant(x.low))
        height, width = height + pads[0] + pads[2], width + pads[1] + pads[3]
        if min(height, width) < kernel:
            kernel = 1
        self.to(x, False)
        given = [x.name, self.weights(filters, channels // groups, kernel, kernel)]
        if rng.random() < 0.4:
            given.append(b.constant(b.rng.integers(-3, 4, filters) / 2))
            self.words.append("bias")
        x.name = b.add("Conv", *given, group=groups, strides=[stride, stride], kernel_shape=[kernel, kernel])
        x.shape = filters, (height - kernel) // stride + 1, (width - kernel) // stride + 1

    def pool(self, x: _Map) -> None:
        height, width = x.shape[1:]
        kind = self.choose("plain", "over", "around", "ceil")
        if min(height, width) < 3:
            return
        self.to(x, False)
        pads = [1, 1, 1, 1] if kind == "around" else [0, 0, 0, 0]
        kernel, stride, ceil = {"plain": (2, 2, 0), "over": (3, 1, 0), "around": (3, 2, 0), "ceil": (2, 2, 1)}[kind]
        x.name = self.b.add("MaxPool", x.name, kernel_shape=[kernel, kernel], strides=[stride, stride], pads=pads, ceil_mode=ceil)
        rows = [-(-(n + 2 * pads[0] - kernel) // stride) if ceil else (n + 2 * pads[0] - kernel) // stride for n in (height, width)]
        x.shape = x.shape[0], rows[0] + 1, rows[1] + 1

    def ending(self, x: str, features: int) -> tuple[str, int]:
        b, rng = self.b, self.rng
        classes = 1 if self.choose("one", "several", "several", "several") == "one" else int(rng.integers(2, 6))
        if self.choose("gemm", "matmul") == "gemm":
            bias = [b.constant(b.rng.integers(-3, 4, classes) / 2)] if rng.random() < 0.5 else []
            weights = self.weights(classes, features) if classes > 1 else b.constant(b.signs(1, features))
            x = b.add("Gemm", x, weights, *bias, transB=1)
        else:
            scales = 2.0 ** b.rng.integers(-2, 3, classes)
            x = b.add("MatMul", x, b.signs(features, classes) * scales)
        match self.choose("plain end", "norm end", "bias end", "scale end", "negative end"):
            case "norm end":
                x = b.norm(x, classes)
            case "bias end":
                x = b.add("Add", x, b.rng.normal(size=classes))
            case "scale end":
                x = b.add("Div", x, b.rng.uniform(0.3, 3, classes))
            case "negative end":
                x = b.add("Mul", x, b.rng.normal(size=(1, classes)))
        if classes == 1:
            return b.add("Sigmoid", x), 1
        return (b.add("Softmax", x, axis=1) if self.choose("softmax", "scores") == "softmax" else x), classes


def random_spelling(rng: Generator, path: Path) -> Spelling:
    """Writes a random file to `path`."""
    w = _Writer(rng)
    colours, height, width = int(rng.choice([1, 3])), int(rng.integers(6, 10)), int(rng.integers(6, 10))
    last = w.choose("NCHW", "NHWC") == "NHWC"
    x = _Map("x", (colours, height, width), last)
    axes = (1, height, width, colours) if last else (1, colours, height, width)
    ranges: dict[str, Range] = {"uint8": "uint8", "unit": "unit", "signed": "signed"}
    name = w.choose("uint8", "unit", "signed", "normalised")
    mean, deviation = rng.uniform(0.2, 0.6, colours), rng.uniform(0.2, 0.4, colours)
    given = ranges.get(name, (tuple(1 / 255 / deviation), tuple(-mean / deviation)))
    scale, offset = {"uint8": (1.0, 0.0), "unit": (1 / 255, 0.0), "signed": (2 / 255, -1.0)}.get(name, (1 / 255 / 0.3, -1.3))
    if w.choose("transposed", "as it is") == "transposed":
        w.to(x, False)
    # Half a grey level beside every pixel value, so that no threshold hangs on how that is rounded.
    threshold = (rng.integers(40, 200, colours) + 0.5) * scale + offset
    x.name, x.low = w.quantise(w.b.add("Sub", x.name, w.per_channel(x, threshold)))
    for _ in range(int(rng.integers(1, 3))):
        w.conv(x)
        if rng.random() < 0.3:
            w.pool(x)
        w.normalise(x, x.shape[0])
        x.name, x.low = w.quantise(x.name)
        if rng.random() < 0.3:
            w.pool(x)
    w.to(x, bool(rng.random() < 0.5))
    features = int(np.prod(x.shape))
    flat = w.b.add("Flatten", x.name) if rng.random() < 0.5 else w.b.add("Reshape", x.name, w.b.constant([1, features], np.int64))
    output, classes = w.ending(flat, features)
    w.b.save(path, output, axes)
    return Spelling(given, classes, tuple(w.words))
