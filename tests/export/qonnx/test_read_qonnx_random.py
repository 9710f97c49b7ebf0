"""Spellings in random combination: whatever the reader takes, it takes exactly."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from owlbit.export.qonnx.execute import execute_qonnx
from owlbit.export.qonnx.read import QonnxError, read_qonnx
from owlbit.hw.reference import simulate
from qonnx_builder import Builder

# The only reasons for which a file of this generator may be refused: bits whose complement cannot be had, which of an OR makes
# something else.
LEGAL_REFUSAL = re.compile(r"needs the complement of channel|falls with the pixel or maximum|joins two branches by")


class RandomFile(Builder):
    """A random legal file: thermometer, convolutions, linear layers, scores, each in a random spelling."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.colours = self.pick(1, 3)
        self.size = (self.pick(5, 6, 8), self.pick(4, 6, 7))
        self.channels = self.colours
        self.low, self.high = 0.0, 0.0
        self.current = "x"

    def pick(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def step(self, kind: str, *inputs: Any, **attributes: Any) -> None:
        self.current = self.add(kind, self.current, *inputs, **attributes)

    def column(self, values: Any, flat: bool) -> Any:
        return np.reshape(values, (1, -1) if flat else (1, -1, 1, 1))

    def quantise(self, flat: bool) -> None:
        """Any quantiser; `low` and `high` become its values, of which the smaller is what may be padded with."""
        scale = self.pick(0.25, 1.0, 2.0)
        kind = self.pick("bipolar", "signed", "unsigned", "signs", "bits", "falling")
        if kind == "bipolar":
            self.step("BipolarQuant", scale)
            self.low, self.high = -scale, scale
        elif kind in ("signed", "unsigned"):
            signed = int(kind == "signed")
            self.step("Quant", scale, 0.0, 1.0, signed=signed, narrow=signed, rounding_mode=self.pick("ROUND", "FLOOR", "CEIL"))
            self.low, self.high = -scale * signed, scale
        else:
            edges = self.rng.normal(scale=2, size=(self.pick(1, self.channels), 1))
            factor, bias = {"signs": (2.0, -1.0), "bits": (scale, 0.0), "falling": (-2.0, 1.0)}[kind]
            self.step("MultiThreshold", edges, out_dtype="BIPOLAR", out_scale=factor, out_bias=bias)
            self.low, self.high = sorted((bias, factor + bias))
        if not flat and self.pick(True, False, False):
            self.step("Add", 1.0)
            self.low, self.high = self.low + 1.0, self.high + 1.0

    def normalise(self, flat: bool) -> None:
        kind = self.pick("norm", "chain", "nothing")
        if kind == "norm":
            self.current = self.norm(self.current, self.channels)
        elif kind == "chain":
            self.step("Sub", self.column(self.rng.normal(scale=2, size=self.channels), flat))
            self.step(self.pick("Mul", "Div"), self.column(self.rng.normal(size=self.channels), flat))
            self.step("Add", self.column(self.rng.normal(size=self.channels), flat))

    def pool(self) -> None:
        if min(self.size) >= 2:
            self.step("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
            self.size = (self.size[0] // 2, self.size[1] // 2)

    def first_layer(self) -> None:
        levels = self.pick(1, 3, 5)
        thresholds = self.rng.uniform(5, 250, (self.colours, levels))
        if self.pick(True, False):
            self.step("Conv", np.ones((self.colours * levels, 1, 1, 1)), -thresholds.reshape(-1), group=self.colours)
        else:
            self.step("Unsqueeze", self.constant([2], np.int64))
            self.step("Sub", thresholds[None, :, :, None, None])
            self.step("Reshape", self.constant([0, -1, *self.size], np.int64))
        self.channels = self.colours * levels
        self.quantise(False)

    def shuffle(self) -> None:
        self.step("Gather", self.constant(self.rng.permutation(self.channels), np.int64), axis=1)

    def convolution(self) -> None:
        groups = self.pick(*[g for g in range(1, self.channels + 1) if self.channels % g == 0])
        filters = groups * self.pick(1, 2)
        attributes: dict[str, Any] = {"group": groups, "strides": [1, self.pick(1, 2)]}
        if self.pick(True, False) and self.low == 0:
            attributes["pads"] = [1, 1, 1, 1]
        else:
            self.step("Pad", self.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), np.asarray(self.low))
        weights = self.weights(filters, self.channels // groups, 3, 3, scale=self.pick(1.0, 0.5))
        self.step("Conv", weights, *([self.rng.integers(-3, 4, filters)] if self.pick(True, False) else []), **attributes)
        self.channels = filters
        self.size = (self.size[0], (self.size[1] - 1) // attributes["strides"][1] + 1)

    def centre(self) -> None:
        """The two values become -1 and +1."""
        self.step("Sub", (self.low + self.high) / 2)
        self.step("Div", (self.high - self.low) / 2)
        self.low, self.high = -1.0, 1.0

    def skip(self) -> None:
        """A convolution that keeps the shape, joined with what it reads."""
        self.centre()
        entered = self.current
        self.step("Pad", self.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), np.asarray(-1.0))
        self.step("Conv", self.weights(self.channels, self.channels, 3, 3))
        self.normalise(False)
        self.quantise(False)
        self.centre()
        pair = (self.current, entered) if self.pick(True, False) else (entered, self.current)
        gate = self.pick("Max", "Mul", "Where")
        select = [self.constant(self.rng.random((self.channels, 1, 1)) < 0.5, np.bool_)] if gate == "Where" else []
        self.current = self.add(gate, *select, *pair)

    def linear(self, features: int) -> None:
        self.step("Flatten", axis=1)
        inputs = self.channels * math.prod(self.size)
        if self.pick(True, False):
            self.step("Gemm", self.weights(features, inputs), transB=1)
        else:
            self.step("MatMul", self.weights(inputs, features))
        self.channels, self.size = features, (1, 1)

    def write(self, path: Path) -> Path:
        shape = (1, self.colours, *self.size)
        self.first_layer()
        for _ in range(self.pick(0, 1, 2)):
            if self.pick(True, False):
                self.shuffle()
            self.convolution()
            place = self.pick("before", "after", "none")
            if place == "before":
                self.pool()
            self.normalise(False)
            self.quantise(False)
            if place == "after":
                self.pool()
            if self.pick(True, False):
                self.skip()
        if self.pick(True, False):
            self.linear(self.pick(3, 8))
            self.normalise(True)
            self.quantise(True)
        # Scores of data that is not symmetric have another offset for each class, which no network has.
        self.step("Sub", (self.low + self.high) / 2)
        self.linear(self.pick(2, 5))
        if self.pick(True, False):
            self.step("Mul", 0.37)
            self.step("Add", 1.5)
        return self.save(path, self.current, shape)


def test_random_files(tmp_path: Path) -> None:
    exact = 0
    for seed in range(60):
        path = RandomFile(seed).write(tmp_path / f"{seed}.onnx")
        try:
            network = read_qonnx(path, "uint8")
        except QonnxError as error:
            assert LEGAL_REFUSAL.search(str(error)), error
            continue
        images = np.random.default_rng(seed).integers(0, 256, (2, *network.input_shape), dtype=np.uint8)
        ranked = network.ranked(simulate(network, images))
        np.testing.assert_array_equal(ranked, execute_qonnx(path, images, "uint8"), err_msg=f"seed {seed}")
        exact += 1
    assert exact >= 45
