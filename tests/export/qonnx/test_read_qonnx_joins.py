"""Graphs with a branch: every spelling of OR, XOR and a multiplexer becomes the logic skip that it is, and the integers stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from owlbit.export.network import ChannelShuffle, LogicSkip, Network
from qonnx_builder import Builder, assert_exact

CHANNELS, FEATURES = 4, 4 * 8 * 6
Join = Callable[[Builder, str, str], str]
SELECT = np.array([True, False, False, True]).reshape(1, CHANNELS, 1, 1)


def block(b: Builder, x: str) -> str:
    """Another map of the same shape."""
    return b.add("BipolarQuant", b.norm(b.add("Conv", x, b.weights(CHANNELS, CHANNELS, 1, 1)), CHANNELS), 1.0)


def skips(network: Network) -> list[LogicSkip]:
    return [layer for layer in network.layers if isinstance(layer, LogicSkip)]


def above(b: Builder, x: str) -> str:
    return b.add("Greater", x, 0.0)


def signs(b: Builder, x: str) -> str:
    """Truth values as -1 and +1."""
    return b.add("Where", x, np.float32(1.0), np.float32(-1.0))


def masked(b: Builder, x: str, y: str) -> str:
    mask = SELECT.astype(np.float32)
    return b.add("Add", b.add("Mul", x, mask), b.add("Mul", y, 1 - mask))


def sum_less_product(b: Builder, x: str, y: str) -> str:
    """The OR of 0 and 1 as a polynomial, each map read twice."""
    x, y = (b.add("Mul", b.add("Add", each, 1.0), 0.5) for each in (x, y))
    return b.add("Sub", b.add("Sub", b.add("Add", x, y), b.add("Mul", x, y)), 0.5)


SPELLINGS: dict[str, tuple[str, Join]] = {
    "Max": ("or", lambda b, x, y: b.add("Max", y, x)),
    "the sign of a sum": ("or", lambda b, x, y: b.add("BipolarQuant", b.add("Add", x, y), 1.0)),
    "a clipped sum": ("or", lambda b, x, y: b.add("BipolarQuant", b.add("Clip", b.add("Add", x, y), -1.0, 0.0), 0.5)),
    "a threshold on a sum": (
        "or",
        lambda b, x, y: b.add(
            "MultiThreshold",
            b.add("Sub", x, b.add("Neg", y)),
            np.array([[-1.0]]),
            out_dtype="BIPOLAR",
            out_scale=2.0,
            out_bias=-1.0,
        ),
    ),
    "a polynomial": ("or", sum_less_product),
    "Or of truth values": ("or", lambda b, x, y: signs(b, b.add("Or", above(b, x), above(b, y)))),
    "NOR": ("or", lambda b, x, y: b.add("Neg", b.add("Max", x, y))),
    "product, negated": ("xor", lambda b, x, y: b.add("Neg", b.add("Mul", x, y))),
    "product times minus one": ("xor", lambda b, x, y: b.add("Mul", b.add("Mul", y, x), -1.0)),
    "XNOR": ("xor", lambda b, x, y: b.add("Mul", x, y)),
    "size of a difference": ("xor", lambda b, x, y: b.add("Sub", b.add("Abs", b.add("Sub", x, y)), 1.0)),
    "Xor of truth values": ("xor", lambda b, x, y: signs(b, b.add("Xor", above(b, x), above(b, y)))),
    "Where": ("mux", lambda b, x, y: b.add("Where", b.constant(SELECT, np.bool_), x, y)),
    "Where, turned": ("mux", lambda b, x, y: b.add("Where", b.constant(SELECT, np.bool_), y, x)),
    "masks": ("mux", masked),
    "masks, turned": ("mux", lambda b, x, y: masked(b, y, x)),
    "Where of one and the other's complement": (
        "mux",
        lambda b, x, y: b.add("Where", b.constant(SELECT, np.bool_), x, b.add("Neg", y)),
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling(tmp_path: Path, spelling: str) -> None:
    gate, join = SPELLINGS[spelling]
    b = Builder(len(spelling))
    bits = b.thermometer()
    x = join(b, bits, block(b, bits))
    network = assert_exact(b.save(tmp_path / "a.onnx", b.head(x, FEATURES)))
    assert [(skip.gate, skip.source) for skip in skips(network)] == [(gate, 0)]


def test_the_selection_is_one_for_the_current_map(tmp_path: Path) -> None:
    for turned in (False, True):
        b = Builder()
        bits = b.thermometer()
        x = block(b, bits)
        x = b.add("Where", b.constant(SELECT, np.bool_), *((x, bits) if turned else (bits, x)))
        (skip,) = skips(assert_exact(b.save(tmp_path / "a.onnx", b.head(x, FEATURES))))
        assert skip.select is not None
        np.testing.assert_array_equal(skip.select, SELECT.ravel() == turned)


@pytest.mark.parametrize("gate", ["Max", "Mul"])
def test_blocks_in_a_row(tmp_path: Path, gate: str) -> None:
    b = Builder(3)
    x = b.thermometer()
    for _ in range(3):
        x = b.add(gate, block(b, x), x)
    network = assert_exact(b.save(tmp_path / "a.onnx", b.head(x, FEATURES)))
    assert [skip.source for skip in skips(network)] == [0, 2, 4]


def test_a_long_way_back_over_other_skips(tmp_path: Path) -> None:
    b = Builder(4)
    first = b.thermometer()
    second = block(b, first)
    third = b.add("Max", block(b, second), second)
    x = b.add("Mul", block(b, third), first)
    network = assert_exact(b.save(tmp_path / "a.onnx", b.head(x, FEATURES)))
    assert [skip.source for skip in skips(network)] == [1, 0]


@pytest.mark.parametrize("low", [-1.0, 1.0])
def test_a_skip_before_padding_and_pool(tmp_path: Path, low: float) -> None:
    """-1 and +1 the other way round at the end of the join where the padding wants it so; XOR has a complement for that."""
    b = Builder(5)
    bits = b.thermometer()
    x = b.add("Max", block(b, bits), bits) if low < 0 else b.add("Neg", b.add("Max", block(b, bits), bits))
    x = b.add("Pad", x, b.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), b.constant(low))
    x = b.add("BipolarQuant", b.add("Conv", x, b.weights(5, CHANNELS, 3, 3)), 1.0)
    x = b.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    assert len(skips(assert_exact(b.save(tmp_path / "a.onnx", b.head(x, 5 * 12))))) == 1


def test_a_pool_of_a_join(tmp_path: Path) -> None:
    b = Builder(6)
    bits = b.thermometer()
    x = b.add("MaxPool", b.add("Max", bits, block(b, bits)), kernel_shape=[2, 2], strides=[2, 2])
    y = b.add("Max", block(b, x), x)  # and a join of what a pool has made
    network = assert_exact(b.save(tmp_path / "a.onnx", b.head(y, CHANNELS * 12)))
    assert [skip.source for skip in skips(network)] == [0, 3]


def test_falling_quantisers(tmp_path: Path) -> None:
    """Both maps are made by thresholds that switch off; the filters of the current one are complemented."""
    b = Builder(7)
    edges = b.rng.normal(scale=2, size=(CHANNELS, 1))
    falling: dict[str, Any] = {"out_dtype": "BIPOLAR", "out_scale": -2.0, "out_bias": 1.0}
    bits = b.thermometer()
    first = b.add("MultiThreshold", b.add("Conv", bits, b.weights(CHANNELS, CHANNELS, 1, 1)), edges, **falling)
    second = b.add("MultiThreshold", b.add("Conv", first, b.weights(CHANNELS, CHANNELS, 1, 1)), edges, **falling)
    network = assert_exact(b.save(tmp_path / "a.onnx", b.head(b.add("Max", first, second), FEATURES)))
    assert [(skip.gate, skip.source) for skip in skips(network)] == [("or", 1)]


def test_shuffles_on_either_side(tmp_path: Path) -> None:
    """The joined maps need one order: a shuffle that is there anyway serves, else one is put in."""
    for branch in ("own", "skipped", "both"):
        b = Builder(8)
        bits = b.thermometer()
        turned = b.add("Gather", bits, b.constant([2, 0, 3, 1], np.int64), axis=1)
        own = block(b, bits if branch == "skipped" else turned)
        x = b.add("Neg", b.add("Mul", own, bits if branch == "own" else turned))
        network = assert_exact(b.save(tmp_path / "a.onnx", b.head(x, FEATURES)))
        (skip,) = skips(network)
        assert skip.source == (1 if branch == "both" else 0)
        assert sum(isinstance(layer, ChannelShuffle) for layer in network.layers) == 1


def test_a_map_and_its_own_shuffle(tmp_path: Path) -> None:
    b = Builder(9)
    x = block(b, b.thermometer())
    x = b.add("Max", x, b.add("Gather", x, b.constant([1, 2, 3, 0], np.int64), axis=1))
    (skip,) = skips(assert_exact(b.save(tmp_path / "a.onnx", b.head(x, FEATURES))))
    assert skip.source == 1


def test_joins_after_flattening_and_of_linear_layers(tmp_path: Path) -> None:
    b = Builder(10)
    bits = b.thermometer()
    x = b.add("Max", b.add("Flatten", block(b, bits), axis=1), b.add("Flatten", bits, axis=1))
    x = b.add("BipolarQuant", b.add("MatMul", x, b.weights(FEATURES, 20)), 1.0)
    y = b.add("BipolarQuant", b.add("MatMul", x, b.weights(20, 20)), 1.0)
    y = b.add("Where", b.constant(b.rng.random((1, 20)) < 0.5, np.bool_), x, y)
    network = assert_exact(b.save(tmp_path / "a.onnx", b.add("MatMul", y, b.weights(20, 5))))
    assert [(skip.gate, skip.source) for skip in skips(network)] == [("or", 0), ("mux", 3)]


def test_rows_and_columns_transposed_in_both(tmp_path: Path) -> None:
    b = Builder(11)
    bits = b.thermometer()
    maps = (b.add("Transpose", each, perm=[0, 2, 3, 1]) for each in (block(b, bits), bits))
    x = b.add("Transpose", b.add("Max", *maps), perm=[0, 3, 1, 2])
    assert len(skips(assert_exact(b.save(tmp_path / "a.onnx", b.head(x, FEATURES))))) == 1


def test_a_branch_read_as_truth_values(tmp_path: Path) -> None:
    """Comparisons make the bits, and a uint8 image enters."""
    b = Builder(12)
    pixels = b.add("Cast", "x", to=TensorProto.FLOAT)
    fired = b.add("GreaterOrEqual", pixels, 90.0)
    bits = signs(b, fired)
    x = b.add("Or", b.add("GreaterOrEqual", b.add("Conv", bits, b.weights(1, 1, 1, 1)), 0.0), fired)
    b.save(tmp_path / "a.onnx", b.head(signs(b, x), 48), (1, 1, 8, 6), TensorProto.UINT8)
    assert [skip.gate for skip in skips(assert_exact(tmp_path / "a.onnx"))] == ["or"]
