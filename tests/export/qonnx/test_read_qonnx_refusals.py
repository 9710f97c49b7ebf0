"""What is outside the subset, or damaged: one sentence that names the node, and never a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from owlbit.export.errors import OwlbitError
from owlbit.export.qonnx.execute import execute_values
from owlbit.export.qonnx.read import QonnxError, read_qonnx
from owlbit.export.qonnx.write import qonnx_model
from qonnx_builder import Builder


def refused(path: Path, match: str, input_range: str = "uint8") -> None:
    with pytest.raises(QonnxError, match=match) as error:
        read_qonnx(path, input_range)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def conv(b: Builder, x: str, weights: Any, **attributes: Any) -> str:
    return b.add("Conv", x, weights, **attributes)


def test_zero_padding_of_bipolar_data(path: Path) -> None:
    b = Builder()
    x = conv(b, b.thermometer(), b.weights(4, 4, 3, 3), pads=[1, 1, 1, 1])
    b.save(path, b.head(b.add("BipolarQuant", x, 1.0), 4 * 48))
    refused(path, r"Conv_3 \(Conv\): pads with 0 where the data is -1 or 1; put a Pad node with the value -1")


def test_padding_with_plus_one(path: Path) -> None:
    b = Builder()
    x = b.add("Pad", b.thermometer(), b.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), b.constant(1.0))
    b.save(path, b.head(b.add("BipolarQuant", conv(b, x, b.weights(4, 4, 3, 3)), 1.0), 4 * 48))
    refused(path, r"Conv_4 \(Conv\): needs the complement of channel 0's bit")


@pytest.mark.parametrize("weights", [[1.0, -1.0, 0.0, 1.0], [1.0, 0.5, -1.0, 1.0], [0.0, 1.0, 0.0, 1.0]])
def test_weights_that_are_not_plus_or_minus_one(path: Path, weights: list[float]) -> None:
    b = Builder()
    x = conv(b, b.thermometer(), np.reshape(weights, (1, 4, 1, 1)))
    b.save(path, b.head(b.add("BipolarQuant", x, 1.0), 48))
    refused(path, r"Conv_2 \(Conv\): expected weights of -1 and \+1 .*, got ")


def test_weights_that_are_not_plus_or_minus_one_in_the_scores(path: Path) -> None:
    b = Builder()
    b.save(path, b.add("MatMul", b.add("Flatten", b.thermometer()), b.rng.normal(size=(192, 5))))
    refused(path, r"MatMul_3 \(MatMul\): expected weights of -1 and \+1")


@pytest.mark.parametrize("kind", ["LSTM", "AveragePool", "Resize", "Attention"])
def test_unsupported_node(path: Path, kind: str) -> None:
    b = Builder()
    b.save(path, b.head(b.add(kind, b.thermometer()), 192))
    refused(path, rf"{kind}_2 \({kind}\): this operator is not supported; supported are Conv, MatMul")


def test_operator_of_another_domain(path: Path) -> None:
    b = Builder()
    x = b.thermometer()
    b.save(path, b.head(x, 192))
    model = onnx.load(path)
    model.graph.node[1].domain = "com.example"
    path.write_bytes(model.SerializeToString())
    refused(path, r"BipolarQuant_1 \(BipolarQuant\): operators of the domain com.example are not supported")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("place", ["weights", "norm"])
def test_nan_and_infinity(path: Path, place: str, value: float) -> None:
    b = Builder()
    weights = b.rng.normal(size=(4, 4, 3, 3))
    slopes = np.ones(4)
    (weights.reshape(-1) if place == "weights" else slopes)[2] = value
    x = b.norm(conv(b, b.thermometer(), b.add("BipolarQuant", weights, 1.0)), 4, slopes)
    b.save(path, b.head(b.add("BipolarQuant", x, 1.0), 96))
    node = "BipolarQuant_2" if place == "weights" else "BatchNormalization_4"
    refused(path, rf"{node} \(\w+\): its parameter c\d holds (NaN|infinity)")


def test_negative_variance(path: Path) -> None:
    b = Builder()
    x = conv(b, b.thermometer(), b.weights(1, 4, 3, 3))
    x = b.add("BatchNormalization", x, [1.0], [0.0], [0.0], [-1.0])
    b.save(path, b.head(b.add("BipolarQuant", x, 1.0), 24))
    refused(path, r"BatchNormalization_4 \(BatchNormalization\): gives NaN")


def test_eight_bit_first_layer(path: Path) -> None:
    b = Builder()
    x = b.add("Quant", b.add("Div", "x", 255.0), 1 / 128, 0.0, 8.0, signed=1, narrow=1, rounding_mode="ROUND")
    b.save(path, b.head(b.add("BipolarQuant", conv(b, x, b.weights(4, 1, 3, 3)), 1.0), 96))
    refused(
        path,
        r"Conv_3 \(Conv\): expected binary input \(two values\), got 128 values; a first layer on 8-bit pixels is not supported",
    )


def test_activations_of_two_bits(path: Path) -> None:
    b = Builder()
    x = conv(b, b.thermometer(), b.weights(4, 4, 3, 3))
    x = b.add("Quant", x, 1.0, 0.0, 2.0, signed=1, narrow=1, rounding_mode="ROUND")
    b.save(path, b.head(x, 96))
    refused(path, r"MatMul_7 \(MatMul\): expected binary input \(two values\), got 3 values")


def test_sign_that_gives_zero(path: Path) -> None:
    b = Builder()
    b.save(path, b.head(b.add("Sign", conv(b, b.thermometer(), b.weights(4, 4, 3, 3))), 96))
    refused(path, r"\(MatMul\): expected binary input \(two values\), got 3 values")


def test_function_that_is_not_monotone(path: Path) -> None:
    b = Builder()
    x = b.add("Sub", b.add("Abs", conv(b, b.thermometer(), b.weights(4, 4, 3, 3))), 4.5)
    b.save(path, b.head(b.add("BipolarQuant", x, 1.0), 96))
    refused(path, r"BipolarQuant_6 \(BipolarQuant\): expected one switch between two values, but channel 0 switches 2 times")


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_quantiser_scale_that_is_not_positive(path: Path, scale: float) -> None:
    b = Builder()
    b.save(path, b.head(b.add("BipolarQuant", b.add("Sub", "x", 99.0), scale), 48))
    refused(path, r"BipolarQuant_1 \(BipolarQuant\): expected a positive scale, got")


def residual(b: Builder) -> tuple[str, str]:
    """A map of bits, and that of a convolution over it, of one shape."""
    bits = b.thermometer()
    return bits, b.add("BipolarQuant", conv(b, bits, b.weights(4, 4, 1, 1)), 1.0)


def test_residual_sum_of_three_values(path: Path) -> None:
    b = Builder()
    b.save(path, b.head(b.add("Add", *residual(b)), 192))
    refused(path, r"MatMul_8 \(MatMul\): expected binary input \(two values\), got 3 values")


def test_residual_sum_before_the_sign(path: Path) -> None:
    b = Builder()
    sums = conv(b, b.thermometer(), b.weights(4, 4, 1, 1))
    x = b.add("Add", conv(b, b.add("BipolarQuant", sums, 1.0), b.weights(4, 4, 1, 1)), sums)
    b.save(path, b.head(b.add("BipolarQuant", x, 1.0), 192))
    refused(path, r"\(Add\): expected binary input \(two values\), got \d values; put a BipolarQuant")


def test_join_by_a_gate_that_no_network_has(path: Path) -> None:
    b = Builder()
    b.save(path, b.head(b.add("Min", *residual(b)), 192))
    refused(path, r"\(MatMul\): joins two branches by something else than OR, XOR .* channel 0 is \[0, 0, 0, 1\] for the bits")


def test_join_by_different_gates(path: Path) -> None:
    b = Builder()
    bias = np.array([1, 1, -1, 1]).reshape(1, 4, 1, 1)
    b.save(path, b.head(b.add("BipolarQuant", b.add("Add", b.add("Add", *residual(b)), bias), 1.0), 192))
    refused(path, r"BipolarQuant_7 \(BipolarQuant\): joins two branches .* channel 0 is \[0, 1, 1, 1\] for the bits")


def test_layers_on_both_branches(path: Path) -> None:
    b = Builder()
    bits, x = residual(b)
    other = b.add("BipolarQuant", conv(b, bits, b.weights(4, 4, 1, 1)), 1.0)
    b.save(path, b.head(b.add("Max", x, other), 192))
    refused(path, r"Conv_6 \(Conv\): goes on from a tensor that another branch has left behind")


def test_join_of_maps_that_do_not_fit(path: Path) -> None:
    b = Builder()
    bits, x = residual(b)
    b.save(path, b.head(b.add("Max", x, b.add("Pad", bits, b.constant([0, 0, 1, 0, 0, 0, -1, 0], np.int64))), 192))
    refused(path, r"Pad_5 \(Pad\): expected one padding")
    b = Builder()
    bits, x = residual(b)
    b.save(path, b.head(b.add("Max", x, b.add("Reshape", bits, b.constant([1, 4, 6, 8], np.int64))), 192))
    refused(path, r"Max_6 \(Max\): joins tensors of the shapes \[1, 4, 8, 6\] and \[1, 4, 6, 8\]; expected maps of one shape")
    b = Builder()
    bits, x = residual(b)
    turned = b.add("Reshape", b.add("Transpose", bits, perm=[0, 1, 3, 2]), b.constant([1, 4, 8, 6], np.int64))
    b.save(path, b.head(b.add("Max", x, turned), 192))
    refused(path, r"Max_7 \(Max\): joins two maps whose rows or columns stand in different orders")


def test_join_of_three(path: Path) -> None:
    b = Builder()
    bits, x = residual(b)
    y = b.add("BipolarQuant", conv(b, x, b.weights(4, 4, 1, 1)), 1.0)
    b.save(path, b.head(b.add("Max", bits, x, y), 192))
    refused(path, r"Max_8 \(Max\): joins 3 tensors; expected two at a time")


def test_bits_that_a_branch_needs_as_they_are(path: Path) -> None:
    """The second convolution pads with +1, which needs the complement of bits that the branch reads too."""
    b = Builder()
    _, x = residual(b)
    padded = b.add("Pad", x, b.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), b.constant(1.0))
    y = b.add("BipolarQuant", conv(b, padded, b.weights(4, 4, 3, 3)), 1.0)
    b.save(path, b.head(b.add("Max", x, y), 192))
    refused(path, r"\(Conv\): needs the complement of channel 0's bit, which no thermometer, pool, logic skip or branch gives")


def test_and_pool_before_padding(path: Path) -> None:
    b = Builder()
    x = b.add("MaxPool", conv(b, b.thermometer(), b.weights(2, 4, 3, 3)), kernel_shape=[2, 2], strides=[2, 2])
    x = b.add("BipolarQuant", b.norm(x, 2, [1.0, -1.0]), 1.0)
    x = b.add("Pad", x, b.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), b.constant(-1.0))
    b.save(path, b.head(b.add("BipolarQuant", conv(b, x, b.weights(4, 2, 3, 3)), 1.0), 24))
    refused(
        path, r"Conv_9 \(Conv\): needs the complement of channel 1's bit, which no thermometer, pool, logic skip or branch gives"
    )


@pytest.mark.parametrize(
    ("attributes", "match"),
    [
        ({"kernel_shape": [2, 2], "pads": [2, 0, 0, 0]}, "expected padding of less than the 2x2 window"),
        ({"kernel_shape": [2, 2], "dilations": [2, 2]}, "is dilated"),
        ({"kernel_shape": [9, 2]}, "a 9x2 window does not fit a 8x6 map"),
    ],
)
def test_pools(path: Path, attributes: dict[str, Any], match: str) -> None:
    b = Builder()
    b.save(path, b.head(b.add("MaxPool", b.thermometer(), **attributes), 192))
    refused(path, rf"MaxPool_2 \(MaxPool\): .*{match}")


@pytest.mark.parametrize(
    ("weights", "attributes", "match"),
    [
        ((4, 4, 3, 3), {"dilations": [2, 2]}, "is dilated"),
        ((4, 3, 3, 3), {}, r"weights \[4, 3, 3, 3\] in 1 groups do not fit 4 channels"),
        ((4, 4, 9, 3), {}, "a 9x3 kernel does not fit a 8x6 map"),
        ((4, 4, 3), {}, "expected a two-dimensional convolution"),
    ],
)
def test_convolutions(path: Path, weights: tuple[int, ...], attributes: dict[str, Any], match: str) -> None:
    b = Builder()
    b.save(path, b.head(b.add("BipolarQuant", conv(b, b.thermometer(), b.weights(*weights), **attributes), 1.0), 96))
    refused(path, rf"Conv_3 \(Conv\): .*{match}")


def sign(b: Builder, x: str) -> str:
    return b.add("BipolarQuant", x, 1.0)


def curve(b: Builder, x: str) -> str:
    return b.add("Tanh", b.add("Div", x, 100.0))


def drowned(b: Builder, x: str) -> str:
    return b.add("Add", x, 1e9)


@pytest.mark.parametrize(
    ("ending", "match"),
    [
        (sign, "the network ends in bits"),
        (curve, "expected scores with one factor and one offset per class"),
        (drowned, "expected scores that"),
    ],
)
def test_ends_that_are_no_scores(path: Path, ending: Callable[[Builder, str], str], match: str) -> None:
    b = Builder()
    b.save(path, ending(b, b.head(b.thermometer(), 192)))
    refused(path, match)


def test_smallest_instead_of_largest(path: Path) -> None:
    b = Builder()
    x = b.add("TopK", b.head(b.thermometer(), 192), b.constant([1], np.int64), outputs=2, largest=0)
    b.save(path, x)
    refused(path, r"TopK_5 \(TopK\): expected the first of the largest scores")


def test_two_outputs_of_two_nodes(path: Path) -> None:
    b = Builder()
    x = b.head(b.thermometer(), 192)
    b.save(path, (b.add("Mul", x, 2.0), x))
    refused(path, "expected one output, the class scores, got")


def test_thresholds_that_differ_from_pixel_to_pixel(path: Path) -> None:
    b = Builder()
    b.save(path, b.head(b.add("BipolarQuant", b.add("Sub", "x", b.rng.uniform(0, 255, (1, 1, 8, 6))), 1.0), 48))
    refused(path, r"Sub_0 \(Sub\): expected one parameter a channel, got values that differ from position to position")


def test_gather_that_drops_channels(path: Path) -> None:
    b = Builder()
    b.save(path, b.head(b.add("Gather", b.thermometer(), b.constant([0, 1, 1], np.int64), axis=1), 144))
    refused(path, r"Gather_2 \(Gather\): drops or repeats values")


def test_image_of_free_size(path: Path) -> None:
    b = Builder()
    b.save(path, b.head(b.thermometer(), 192), (1, 1, "H", "W"))
    refused(path, "input x: expected fixed sizes but for the batch")


def test_image_of_doubles(path: Path) -> None:
    b = Builder()
    b.save(path, b.head(b.thermometer(), 192), kind=TensorProto.DOUBLE)
    refused(path, "input x: expected float32 or uint8, got DOUBLE")


def test_floats_in_a_uint8_image(path: Path) -> None:
    b = Builder()
    b.save(path, b.head(b.thermometer(b.add("Cast", "x", to=TensorProto.FLOAT)), 192), kind=TensorProto.UINT8)
    refused(path, "input x: is of type uint8 and holds pixel values, but the input range given is unit", "unit")


def test_two_inputs(path: Path) -> None:
    b = Builder()
    b.save(path, b.head(b.thermometer(), 192))
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 2)))
    onnx.save(model, path)
    refused(path, r"expected one input that is not a constant, got \['x', 'y'\]")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08", bytes(100)])
def test_files_that_are_no_models(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path, "expected an ONNX")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    refused(tmp_path / "nothing.onnx", "no such file")
    refused(tmp_path, "expected an ONNX file, found a folder")


def test_a_file_that_the_executor_cannot_run(path: Path) -> None:
    b = Builder()
    b.save(path, b.head(b.thermometer(), 192))
    with pytest.raises(OwlbitError, match=r"wild.onnx: QONNX's executor cannot run this file \(Shape mismatch"):
        execute_values(path, np.zeros((1, 1, 8, 7), np.float32))


def test_unknown_input_range(path: Path) -> None:
    b = Builder()
    b.save(path, b.head(b.thermometer(), 192))
    refused(path, "expected an input range of auto, uint8, unit, signed, got percent", "percent")


def test_every_truncation_and_many_flipped_bytes_end_in_one_sentence_or_a_network(path: Path) -> None:
    """Whatever the damage, no other exception comes out. A changed weight or threshold is still a network."""
    from random_networks import random_network

    whole = qonnx_model(random_network(np.random.default_rng(5), max_channels=6, max_size=5, blocks=1)).SerializeToString()
    rng = np.random.default_rng(0)
    damaged = [whole[: int(size)] for size in rng.integers(0, len(whole), 60)]
    for _ in range(150):
        changed = bytearray(whole)
        changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
        damaged.append(bytes(changed))
    refusals = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            read_qonnx(path)
        except OwlbitError as error:
            refusals += 1
            assert str(error)
    assert refusals > 60
