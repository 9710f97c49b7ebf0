"""One meaning, many spellings: however a file in the wild writes a binary network, the integers are exactly the executor's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from owlbit.export.network import BinaryConv, BinaryLinear, ChannelShuffle, Thermometer
from qonnx_builder import Array, Builder, assert_exact


def conv(b: Builder, x: str, weights: Any, **attributes: Any) -> str:
    return b.add("Conv", x, weights, **attributes)


def finish(b: Builder, path: Path, x: str, features: int, **save: Any) -> Path:
    """Sign, flatten, scores, file."""
    return b.save(path, b.head(b.add("BipolarQuant", x, 1.0), features), **save)


@pytest.mark.parametrize("weight_scale", [1.0, 0.25, 4.0, [[[[0.5]]], [[[2.0]]], [[[1.0]]]]])
@pytest.mark.parametrize("activation_scale", [1.0, 0.5, 8.0])
def test_bipolar_quant_with_any_positive_scale(path: Path, weight_scale: Any, activation_scale: float) -> None:
    b = Builder()
    bits = b.add("BipolarQuant", b.add("Sub", "x", 90.5), activation_scale)
    x = b.norm(conv(b, bits, b.weights(3, 1, 3, 3, scale=weight_scale)), 3)
    assert_exact(finish(b, path, x, 3 * 6 * 4))


def test_scales_that_float32_cannot_hold(path: Path) -> None:
    b = Builder()
    bits = b.add("BipolarQuant", b.add("Sub", "x", 90.5), 0.1)
    x = b.add("Add", conv(b, bits, b.weights(3, 1, 3, 3, scale=0.3)), b.rng.normal(scale=0.2, size=(3, 1, 1)))
    assert_exact(finish(b, path, x, 3 * 6 * 4))


@pytest.mark.parametrize("narrow", [0, 1])
def test_quant_with_one_signed_bit(path: Path, narrow: int) -> None:
    b = Builder()

    def quant(x: Any, scale: float) -> str:
        return b.add("Quant", x, scale, 0.0, 1.0, signed=1, narrow=narrow, rounding_mode="ROUND")

    bits = quant(b.add("Sub", "x", 90.5), 0.5)
    x = quant(b.norm(conv(b, bits, quant(b.rng.normal(size=(4, 1, 3, 3)), 2.0)), 4), 1.0)
    assert_exact(b.save(path, b.head(x, 4 * 6 * 4)))


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_quant_with_one_unsigned_bit_is_zero_one_data_that_zeros_may_pad(path: Path, scale: float) -> None:
    b = Builder()
    bits = b.add("Quant", b.add("Div", "x", 200.0), scale, 0.0, 1.0, signed=0, narrow=0, rounding_mode="ROUND")
    x = b.norm(conv(b, bits, b.signs(4, 1, 3, 3), pads=[1, 1, 1, 1]), 4)
    x = b.add("Quant", x, scale, 0.0, 1.0, signed=0, narrow=0, rounding_mode="ROUND")
    x = b.norm(conv(b, x, b.signs(6, 2, 3, 3), pads=[0, 1, 2, 0], group=2), 6)
    network = assert_exact(finish(b, path, x, 6 * 8 * 5))
    assert [layer.padding for layer in network.layers if isinstance(layer, BinaryConv)] == [(1, 1, 1, 1), (0, 1, 2, 0)]


@pytest.mark.parametrize("thresholds", [1, 4])
def test_multi_threshold_that_makes_signs(path: Path, thresholds: int) -> None:
    b = Builder()
    sums = conv(b, b.thermometer(), b.weights(4, 4, 3, 3))
    steps = b.rng.integers(-6, 6, (thresholds, 1))
    x = b.add("MultiThreshold", sums, steps, out_dtype="BIPOLAR", out_scale=2.0, out_bias=-1.0, data_layout="NCHW")
    assert_exact(b.save(path, b.head(x, 4 * 6 * 4)))


@pytest.mark.parametrize("affine", [[("Mul", 2.0), ("Sub", 1.0)], [("Sub", 0.5), ("Div", 0.5)], [("Mul", -2.0), ("Add", 1.0)], []])
def test_multi_threshold_that_makes_zero_one_with_the_affine_elsewhere(path: Path, affine: list[tuple[str, float]]) -> None:
    b = Builder()
    x = conv(b, b.thermometer(), b.weights(4, 4, 3, 3))
    x = b.add("MultiThreshold", x, b.rng.integers(-6, 6, (4, 1)), out_dtype="BINARY")
    for kind, value in affine:
        x = b.add(kind, x, value)
    x = b.norm(conv(b, x, b.weights(4, 4, 3, 3)), 4)
    assert_exact(finish(b, path, x, 4 * 4 * 2))


def test_zero_one_data_up_to_an_affine_a_channel(path: Path) -> None:
    """Each channel its own sign and offset, but one size."""
    b = Builder()
    x = conv(b, b.thermometer(), b.weights(4, 4, 3, 3))
    x = b.add("MultiThreshold", x, b.rng.integers(-6, 6, (4, 1)), out_dtype="BINARY")
    x = b.add("Add", b.add("Mul", x, np.reshape([2, -2, 2, -2], (4, 1, 1))), np.reshape([0, 1, -1, 5], (4, 1, 1)))
    x = b.norm(conv(b, x, b.weights(4, 4, 3, 3)), 4)
    assert_exact(finish(b, path, x, 4 * 4 * 2))


def test_zero_one_data_with_the_affine_behind_the_product(path: Path) -> None:
    """W @ (2x - 1) written as 2 * (W @ x) - W @ 1, for hidden layers and for the scores, as streamlined graphs have it."""
    b = Builder()
    x = b.add("MultiThreshold", "x", [[90.0]], out_dtype="BINARY")
    hidden, last = b.signs(48, 7), b.signs(7, 5)
    x = b.add("MatMul", b.add("Flatten", x, axis=1), hidden)
    x = b.add("Sub", b.add("Mul", x, 2.0), hidden.sum(axis=0))
    x = b.add("MultiThreshold", x, b.rng.integers(-6, 6, (7, 1)), out_dtype="BINARY")
    x = b.add("Sub", b.add("Mul", b.add("MatMul", x, last), 2.0), last.sum(axis=0))
    network = assert_exact(b.save(path, x))
    assert network.score_factors is None and network.score_offsets is None


def test_multi_threshold_on_features(path: Path) -> None:
    b = Builder()
    x = b.add("MatMul", b.add("Flatten", b.thermometer(), axis=1), b.weights(4 * 48, 12))
    x = b.add("MultiThreshold", x, b.rng.integers(-20, 20, (12, 1)), out_dtype="BIPOLAR", out_scale=2.0, out_bias=-1.0)
    network = assert_exact(b.save(path, b.head(x, 12)))
    assert any(isinstance(layer, BinaryLinear) for layer in network.layers)


def test_multi_threshold_as_thermometer_with_inverted_levels(path: Path) -> None:
    """A negative out_scale makes the bit fall with the pixel: the complement is stored, the weights are complemented."""
    b = Builder()
    copies = conv(b, "x", np.ones((3, 1, 1, 1)))
    bits = b.add("MultiThreshold", copies, [[50], [100], [200]], out_dtype="BIPOLAR", out_scale=-2.0, out_bias=1.0)
    network = assert_exact(finish(b, path, b.norm(conv(b, bits, b.weights(4, 3, 3, 3)), 4), 4 * 6 * 4))
    assert isinstance(network.layers[0], Thermometer)
    assert network.layers[0].thresholds.tolist() == [[50, 100, 200]]


@pytest.mark.parametrize(
    "slopes", [[1.0, -1.0, 0.0, 1e-30], [-0.0, 1e30, -1e-38, 0.3], [-1e-7, 0.0, 0.0, -2.0]], ids=["plain", "extreme", "small"]
)
def test_batch_normalization_with_any_slope(path: Path, slopes: list[float]) -> None:
    b = Builder()
    x = b.norm(conv(b, b.thermometer(), b.weights(4, 4, 3, 3)), 4, slopes)
    assert_exact(finish(b, path, x, 4 * 6 * 4))


def test_batch_normalization_at_exact_ties(path: Path) -> None:
    """Mean on an integer, no bias: the sum that equals the mean is on the edge, and zero counts as +1."""
    b = Builder()
    x = conv(b, b.thermometer(), b.weights(4, 4, 3, 3))
    x = b.add("BatchNormalization", x, [1.0, -1.0, 0.3, -0.3], np.zeros(4), [0.0, 2.0, -4.0, 2.0], np.ones(4), epsilon=0.0)
    network = assert_exact(finish(b, path, x, 4 * 6 * 4))
    conv1 = network.layers[1]
    assert isinstance(conv1, BinaryConv)
    assert conv1.thresholds.tolist() == [18, 17, 16, 17]


def test_normalisation_as_a_chain(path: Path) -> None:
    b = Builder()
    x = conv(b, b.thermometer(), b.weights(4, 4, 3, 3))

    def column() -> Array:
        return b.rng.normal(size=(1, 4, 1, 1))

    deviation = b.add("Pow", b.add("Add", np.abs(column()), 1e-5), 0.5)
    x = b.add("Div", b.add("Sub", x, column() * 3), deviation)
    x = b.add("Add", b.add("Mul", column(), x), column())
    assert_exact(finish(b, path, x, 4 * 6 * 4))


def test_sqrt_neg_and_clip_in_the_chain(path: Path) -> None:
    b = Builder()
    x = conv(b, b.thermometer(), b.weights(4, 4, 3, 3))
    x = b.add("Div", b.add("Neg", x), b.add("Sqrt", np.abs(b.rng.normal(size=(1, 4, 1, 1)))))
    x = b.add("Add", b.add("Clip", x, -1.0, 1.0), 0.25)
    assert_exact(finish(b, path, x, 4 * 6 * 4))


def test_convolution_with_bias(path: Path) -> None:
    b = Builder()
    x = b.add("Conv", b.thermometer(), b.weights(4, 4, 3, 3), b.rng.integers(-5, 5, 4))
    assert_exact(finish(b, path, x, 4 * 6 * 4))


@pytest.mark.parametrize(
    ("attributes", "height", "width"),
    [
        ({"strides": [2, 2]}, 3, 2),
        ({"strides": [2, 1], "group": 2}, 3, 4),
        ({"group": 4}, 6, 4),
    ],
)
def test_strides_and_groups(path: Path, attributes: dict[str, Any], height: int, width: int) -> None:
    b = Builder()
    x = b.norm(conv(b, b.thermometer(), b.weights(8, 4 // attributes.get("group", 1), 3, 3), **attributes), 8)
    assert_exact(finish(b, path, x, 8 * height * width))


@pytest.mark.parametrize("pads", [[1, 1, 1, 1], [0, 2, 1, 0], [2, 0, 0, 1]])
def test_padding_with_minus_one(path: Path, pads: list[int]) -> None:
    b = Builder()
    top, left, bottom, right = pads
    ends = b.constant([0, 0, top, left, 0, 0, bottom, right], np.int64)
    x = b.add("Pad", b.thermometer(), ends, b.constant(-1.0), mode="constant")
    x = b.norm(conv(b, x, b.weights(4, 4, 3, 3)), 4)
    network = assert_exact(finish(b, path, x, 4 * (6 + top + bottom) * (4 + left + right)))
    assert isinstance(network.layers[1], BinaryConv)
    assert network.layers[1].padding == tuple(pads)


def test_padding_before_the_quantiser(path: Path) -> None:
    """Sums padded with a value that the threshold makes -1."""
    b = Builder()
    ends = b.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    sums = b.add("Sub", conv(b, b.thermometer(), b.weights(4, 4, 3, 3)), np.reshape([1.0, 0.0, -1.0, 2.0], (4, 1, 1)))
    x = b.add("BipolarQuant", b.add("Mul", b.add("Pad", sums, ends, b.constant(-9.0)), 0.5), 1.0)
    assert_exact(finish(b, path, b.norm(conv(b, x, b.weights(4, 4, 3, 3)), 4), 4 * 6 * 4))


def test_automatic_padding_of_zero_one_data(path: Path) -> None:
    b = Builder()
    bits = b.add("MultiThreshold", "x", [[90.0]], out_dtype="BINARY")
    x = b.norm(conv(b, bits, b.signs(4, 1, 3, 2), auto_pad="SAME_UPPER", strides=[2, 2]), 4)
    assert_exact(finish(b, path, x, 4 * 4 * 3))


@pytest.mark.parametrize("trans_b", [0, 1])
def test_gemm(path: Path, trans_b: int) -> None:
    b = Builder()
    x = b.add("Flatten", b.thermometer(), axis=1)
    weights = b.weights(12, 4 * 48) if trans_b else b.weights(4 * 48, 12)
    x = b.add("Gemm", x, weights, b.rng.integers(-9, 9, 12), transB=trans_b, alpha=0.5, beta=2.0)
    x = b.add("BipolarQuant", b.norm(x, 12), 1.0)
    scores = b.add("Gemm", x, b.weights(5, 12), transB=1)
    assert_exact(b.save(path, scores))


def test_matmul_with_a_transpose(path: Path) -> None:
    b = Builder()
    x = b.add("Flatten", b.thermometer(), axis=1)
    x = b.norm(b.add("MatMul", x, b.add("Transpose", b.weights(12, 4 * 48), perm=[1, 0])), 12)
    assert_exact(b.save(path, b.head(b.add("BipolarQuant", x, 1.0), 12)))


def test_shape_gather_concat_feeding_a_reshape(path: Path) -> None:
    b = Builder()
    x = b.add("BipolarQuant", b.norm(conv(b, b.thermometer(), b.weights(4, 4, 3, 3)), 4), 1.0)
    batch = b.add("Gather", b.add("Shape", x), b.constant(0, np.int64), axis=0)
    target = b.add("Concat", b.add("Unsqueeze", batch, b.constant([0], np.int64)), b.constant([-1], np.int64), axis=0)
    x = b.add("Reshape", x, target)
    assert_exact(b.save(path, b.add("MatMul", x, b.weights(4 * 6 * 4, 5))))


def test_identity_dropout_cast_squeeze_and_constant(path: Path) -> None:
    b = Builder()
    x = b.add("Cast", b.add("Identity", b.thermometer()), to=TensorProto.FLOAT)
    weights = b.add("Constant", value_floats=b.signs(4).tolist())
    weights = b.add("Reshape", weights, b.constant([1, 4, 1, 1], np.int64))
    x = b.add("Dropout", b.norm(conv(b, x, weights), 1), outputs=2)
    x = b.add("Squeeze", b.add("BipolarQuant", x, 1.0), b.constant([1], np.int64))
    x = b.add("Reshape", x, b.constant([0, -1], np.int64))
    assert_exact(b.save(path, b.add("MatMul", x, b.weights(48, 5))))


def test_flattening_in_another_order(path: Path) -> None:
    """Rows, columns, channels: the weights follow."""
    b = Builder()
    x = b.add("BipolarQuant", b.norm(conv(b, b.thermometer(), b.weights(4, 4, 3, 3)), 4), 1.0)
    assert_exact(b.save(path, b.head(b.add("Transpose", x, perm=[0, 2, 3, 1]), 4 * 6 * 4)))


@pytest.mark.parametrize("before_the_bits", [False, True])
@pytest.mark.parametrize("spelling", ["reshape", "gather"])
def test_channel_shuffle(path: Path, spelling: str, before_the_bits: bool) -> None:
    b = Builder()
    x = conv(b, b.thermometer(), b.weights(6, 4, 3, 3))
    x = x if before_the_bits else b.add("BipolarQuant", b.norm(x, 6), 1.0)
    if spelling == "gather":
        x = b.add("Gather", x, b.constant([5, 0, 3, 2, 1, 4], np.int64), axis=1)
    else:
        x = b.add("Reshape", x, b.constant([1, 2, 3, 6, 4], np.int64))
        x = b.add("Reshape", b.add("Transpose", x, perm=[0, 2, 1, 3, 4]), b.constant([1, 6, 6, 4], np.int64))
    x = b.add("BipolarQuant", b.norm(x, 6), 1.0) if before_the_bits else x
    x = b.norm(conv(b, b.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), b.weights(6, 2, 1, 1), group=3), 6)
    network = assert_exact(finish(b, path, x, 6 * 3 * 2))
    assert any(isinstance(layer, ChannelShuffle) for layer in network.layers)
