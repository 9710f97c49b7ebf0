"""How files in the wild begin and end, and pools before and after the threshold: exactly the executor's integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from owlbit.export.network import BinaryConv, OrPool, Thermometer
from owlbit.export.qonnx.execute import execute_values
from owlbit.export.qonnx.read import QonnxError, read_qonnx
from owlbit.hw.reference import simulate
from qonnx_builder import Builder, assert_exact


def body(b: Builder, bits: str, channels: int = 1) -> str:
    """Bits [1, channels, 8, 6] to scores."""
    x = b.norm(b.add("Conv", bits, b.weights(4, channels, 3, 3)), 4)
    return b.head(b.add("BipolarQuant", x, 1.0), 4 * 6 * 4)


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ([("Div", 255.0)], "uint8"),
        ([("Mul", 1 / 255)], "uint8"),
        ([("Div", 127.5), ("Sub", 1.0)], "uint8"),
        ([("Mul", 2.0), ("Sub", 1.0)], "unit"),
        ([("Sub", 0.5), ("Div", 0.5)], "unit"),
        ([("Add", 1.0), ("Div", 2.0)], "signed"),
        ([("Mul", 255.0)], "unit"),
        ([("Add", 1.0), ("Mul", 127.5)], "signed"),
    ],
)
def test_arithmetic_tells_the_input_range(path: Path, chain: list[tuple[str, float]], expected: str) -> None:
    b = Builder()
    x = "x"
    for kind, value in chain:
        x = b.add(kind, x, value)
    bits = b.add("BipolarQuant", b.add("Sub", x, 0.3), 1.0)
    b.save(path, body(b, bits))
    network = assert_exact(path, "auto")
    scale, offset = {"uint8": (1.0, 0.0), "unit": (1 / 255, 0.0), "signed": (2 / 255, -1.0)}[expected]
    assert (network.input_scale, network.input_offset) == (scale, offset)
    assert len(network.notes) == 1 and expected in network.notes[0] and "takes these to" in network.notes[0]
    assert_exact(path, expected)


def thermometer_of(path: Path, thresholds: list[float]) -> None:
    b = Builder()
    copies = b.add("Conv", "x", np.ones((3, 1, 1, 1)))
    bits = b.add("BipolarQuant", b.add("Sub", copies, np.reshape(thresholds, (3, 1, 1))), 1.0)
    b.save(path, body(b, bits, 3))


def test_high_thresholds_tell_pixel_values(path: Path) -> None:
    thermometer_of(path, [20.0, 90.0, 200.0])
    network = assert_exact(path, "auto")
    assert network.input_scale == 1.0
    assert "taken for pixel values 0..255 (uint8), as it compares them with values of up to 200" in network.notes[0]
    assert not read_qonnx(path, "uint8").notes


@pytest.mark.parametrize("thresholds", [[-0.5, 0.0, 0.25], [0.2, 0.5, 0.8], [-0.4, 0.5, 2.5]])
def test_thresholds_of_signed_or_normalised_images_tell_nothing(path: Path, thresholds: list[float]) -> None:
    """They may be those of [-1, 1], or of any mean and deviation."""
    thermometer_of(path, thresholds)
    with pytest.raises(QonnxError, match="or normalised by mean and deviation; give the input range"):
        read_qonnx(path)
    assert_exact(path, (1 / 255 / 0.3, -1.4))


def test_a_range_for_which_the_file_cannot_be_computed_is_not_the_one(path: Path) -> None:
    """The square root of a signed image is not a number."""
    b = Builder()
    b.save(path, body(b, b.add("BipolarQuant", b.add("Sub", b.add("Sqrt", b.add("Div", "x", 255.0)), 0.5), 1.0)))
    assert assert_exact(path, "auto").input_scale == 1.0


def test_an_input_range_that_nothing_tells_must_be_given(path: Path) -> None:
    b = Builder()
    b.save(path, body(b, b.add("BipolarQuant", b.add("Sub", "x", 0.5), 1.0)))
    with pytest.raises(QonnxError, match=r"give the input range: uint8, unit or signed"):
        read_qonnx(path)
    thresholds = {}
    for name in ("uint8", "unit", "signed"):
        first = assert_exact(path, name).layers[0]
        assert isinstance(first, Thermometer)
        thresholds[name] = int(first.thresholds[0, 0])
    assert thresholds == {"uint8": 1, "unit": 128, "signed": 192}
    network = read_qonnx(path, (0.01, -0.5))
    assert isinstance(network.layers[0], Thermometer)
    assert network.layers[0].thresholds.tolist() == [[100]]


def test_input_of_type_uint8(path: Path) -> None:
    b = Builder()
    x = b.add("Cast", "x", to=TensorProto.FLOAT)
    assert_exact(b.save(path, body(b, b.add("BipolarQuant", b.add("Sub", x, 0.5), 1.0)), kind=TensorProto.UINT8), "auto")


def test_thermometer_by_broadcasting(path: Path) -> None:
    """image[:, :, None] - thresholds, then the two axes made one."""
    b = Builder()
    x = b.add("Unsqueeze", "x", b.constant([2], np.int64))
    thresholds = np.sort(b.rng.uniform(0, 255, (1, 3, 4, 1, 1)), axis=2)
    x = b.add("BipolarQuant", b.add("Sub", x, thresholds), 1.0)
    x = b.add("Reshape", x, b.constant([1, 12, 8, 6], np.int64))
    network = assert_exact(b.save(path, body(b, x, 12), (1, 3, 8, 6)))
    assert isinstance(network.layers[0], Thermometer)
    assert network.layers[0].thresholds.tolist() == np.ceil(thresholds[0, :, :, 0, 0]).astype(int).tolist()


def test_thermometer_with_the_colours_interleaved(path: Path) -> None:
    """Channel t * C + c: the network's thermometer, then a shuffle."""
    b = Builder()
    x = b.add("Gather", b.thermometer(levels=2, colours=3), b.constant([0, 2, 4, 1, 3, 5], np.int64), axis=1)
    assert_exact(b.save(path, body(b, x, 6), (1, 3, 8, 6)))


@pytest.mark.parametrize("kind", ["Sign", "GreaterOrEqual", "Where"])
def test_comparisons_instead_of_quantisers(path: Path, kind: str) -> None:
    b = Builder()
    if kind == "Sign":
        bits = b.add("Sign", b.add("Sub", "x", 90.5))
    else:
        bits = b.add("GreaterOrEqual", "x", 90.0)
        bits = b.add("Cast", bits, to=TensorProto.FLOAT) if kind == "GreaterOrEqual" else b.add("Where", bits, 1.0, -1.0)
    assert_exact(b.save(path, body(b, bits)))


@pytest.mark.parametrize("shape", [(1, 12), (12, 12), ("N", 12)])
def test_vectors_are_images_of_one_pixel(path: Path, shape: tuple[Any, ...]) -> None:
    b = Builder()
    x = b.add("BipolarQuant", b.add("Sub", "x", b.rng.uniform(20, 230, 12)), 1.0)
    x = b.add("BipolarQuant", b.norm(b.add("MatMul", x, b.weights(12, 9)), 9), 1.0)
    network = assert_exact(b.save(path, b.add("MatMul", x, b.weights(9, 3)), shape))
    assert network.input_shape == (12, 1, 1)


@pytest.mark.parametrize("batch", [4, "N"])
def test_other_batch_sizes(path: Path, batch: Any) -> None:
    b = Builder()
    x = b.norm(b.add("Conv", b.thermometer(), b.weights(4, 4, 3, 3)), 4)
    x = b.add("BipolarQuant", x, 1.0)
    x = b.add("Reshape", x, b.constant([4 if batch == 4 else -1, 96], np.int64))
    assert_exact(b.save(path, b.add("MatMul", x, b.weights(96, 5)), (batch, 1, 8, 6)))


@pytest.mark.parametrize("affine", [[("Mul", 0.25), ("Add", -3.0)], [("Sub", 0.7), ("Div", 3.7), ("Mul", 0.9), ("Add", 0.1)]])
def test_final_affine_with_one_positive_scale(path: Path, affine: list[tuple[str, float]]) -> None:
    b = Builder()
    x = body(b, b.thermometer(), 4)
    for kind, value in affine:
        x = b.add(kind, x, [value])
    network = assert_exact(b.save(path, x))
    pixels = np.random.default_rng(1).integers(0, 256, (5, 1, 8, 6), dtype=np.uint8)
    floats = execute_values(path, network.input_floats(pixels))
    ranked = network.ranked(simulate(network, pixels))
    np.testing.assert_allclose(floats, ranked, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(floats.argmax(1), ranked.argmax(1))


@pytest.mark.parametrize("ending", ["TopK", "ArgMax", "Softmax", "Softmax+TopK", "TopK+Cast"])
def test_endings_that_keep_the_ranking(path: Path, ending: str) -> None:
    b = Builder()
    x = body(b, b.thermometer(), 4)
    outputs: tuple[str, ...] = (x,)
    for kind in ending.split("+"):
        if kind == "TopK":
            values = b.add("TopK", outputs[0], b.constant([1], np.int64), outputs=2, axis=-1)
            outputs = (values, values.replace("out0", "out1"))
        elif kind == "Cast":
            outputs = (b.add("Cast", outputs[1], to=TensorProto.INT32),)
        else:
            outputs = (b.add(kind, outputs[0], axis=1),)
    types = {"ArgMax": TensorProto.INT64, "TopK+Cast": TensorProto.INT32}
    network = assert_exact(b.save(path, outputs, output_kind=types.get(ending, TensorProto.FLOAT)))
    if ending in ("ArgMax", "TopK+Cast"):
        pixels = np.random.default_rng(1).integers(0, 256, (20, 1, 8, 6), dtype=np.uint8)
        classes = execute_values(path, network.input_floats(pixels))[:, 0]
        np.testing.assert_array_equal(classes, simulate(network, pixels).argmax(axis=1))


def test_scores_from_a_convolution(path: Path) -> None:
    b = Builder()
    x = b.add("BipolarQuant", b.norm(b.add("Conv", b.thermometer(), b.weights(4, 4, 3, 3)), 4), 1.0)
    scores = b.add("Flatten", b.add("Conv", x, b.weights(5, 4, 6, 4)), axis=1)
    assert_exact(b.save(path, b.add("Gather", scores, b.constant([4, 2, 0, 1, 3], np.int64), axis=1)))


@pytest.mark.parametrize("slopes", [[1.0, 2.0, 0.5, 0.1], [1.0, -2.0, 0.0, -0.1]])
@pytest.mark.parametrize("order", ["pool-norm", "norm-pool"])
def test_pool_before_the_threshold(path: Path, order: str, slopes: list[float]) -> None:
    """A channel that falls with its sum is an AND-pool where the pool comes first: the complement is stored."""
    b = Builder()
    x = b.add("Conv", b.thermometer(), b.weights(4, 4, 3, 3))
    for step in order.split("-"):
        x = b.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]) if step == "pool" else b.norm(x, 4, slopes)
    x = b.add("BipolarQuant", x, 1.0)
    x = b.norm(b.add("Conv", x, b.weights(6, 2, 1, 1), group=2), 6)
    network = assert_exact(b.save(path, b.head(b.add("BipolarQuant", x, 1.0), 6 * 3 * 2)))
    assert [type(layer) for layer in network.layers[:4]] == [Thermometer, BinaryConv, OrPool, BinaryConv]


def test_two_pools_before_the_threshold_and_a_global_one_after(path: Path) -> None:
    b = Builder()
    x = b.add("Conv", b.thermometer(), b.weights(4, 4, 3, 3))
    x = b.add("MaxPool", x, kernel_shape=[1, 2], strides=[1, 2])
    x = b.norm(b.add("MaxPool", x, kernel_shape=[2, 1], strides=[2, 1]), 4, [1.0, 0.5, 2.0, 0.1])
    assert_exact(b.save(path, b.head(b.add("GlobalMaxPool", b.add("BipolarQuant", x, 1.0)), 4)))


def test_pool_of_pixels_commutes_with_the_thermometer(path: Path) -> None:
    b = Builder()
    x = b.thermometer(b.add("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2]))
    network = assert_exact(b.save(path, b.head(x, 4 * 4 * 3)))
    assert [type(layer) for layer in network.layers[:2]] == [Thermometer, OrPool]


@pytest.mark.parametrize("ceil_mode", [0, 1])
def test_pool_windows_and_strides(path: Path, ceil_mode: int) -> None:
    b = Builder()
    x = b.add("MaxPool", b.thermometer(), kernel_shape=[3, 2], strides=[1, 2], ceil_mode=ceil_mode)
    assert_exact(b.save(path, b.head(x, 4 * 6 * 3)))


def test_pool_of_a_falling_bit_is_made_by_the_complemented_filter(path: Path) -> None:
    b = Builder()
    x = b.add("BipolarQuant", b.norm(b.add("Conv", b.thermometer(), b.weights(4, 4, 3, 3)), 4), 1.0)
    x = b.add("Gather", b.add("Mul", x, np.reshape([1.0, -1.0, 1.0, -1.0], (4, 1, 1))), b.constant([2, 1, 3, 0], np.int64), axis=1)
    assert_exact(b.save(path, b.head(b.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 4 * 3 * 2)))
