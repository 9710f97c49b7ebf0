"""What files have behind the last sums: factors and offsets per class, one output, and what hangs on float rounding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from owlbit.export.network import Network
from owlbit.export.network_file import load_network, save_network
from owlbit.export.qonnx.execute import execute_qonnx, execute_values
from owlbit.export.qonnx.metadata import set_metadata
from owlbit.export.qonnx.read import QonnxError, read_model, read_qonnx
from owlbit.export.qonnx.write import write_qonnx
from owlbit.hw.reference import simulate
from qonnx_builder import Builder, assert_exact


def scenes(count: int) -> NDArray[np.uint8]:
    """uint8 [N, 1, 8, 6] of different brightness and contrast."""
    rng = np.random.default_rng(1)
    ends = np.sort(rng.integers(0, 256, (2, count, 1, 1, 1)), axis=0)
    images: NDArray[np.uint8] = (ends[0] + rng.random((count, 1, 8, 6)) * (ends[1] - ends[0])).astype(np.uint8)
    return images


def bits(b: Builder) -> str:
    """Bits [1, 96] of a small network."""
    x = b.norm(b.add("Conv", b.thermometer(), b.weights(4, 4, 3, 3)), 4)
    return b.add("Flatten", b.add("BipolarQuant", x, 1.0))


def head(b: Builder, classes: int = 5) -> str:
    return b.add("MatMul", bits(b), b.weights(96, classes))


def normalised(b: Builder) -> str:
    return b.norm(head(b), 5)


def bias(b: Builder) -> str:
    return b.add("Add", head(b), b.rng.normal(size=5))


def whole_bias(b: Builder) -> str:
    return b.add("Add", head(b), [3.0, -2.0, 0.0, 1.0, 5.0])


def scaled(b: Builder) -> str:
    return b.add("Mul", head(b), b.rng.uniform(0.1, 2, 5))


def negative(b: Builder) -> str:
    return b.add("Mul", head(b), [[1.0, -1.0, 0.5, -0.25, -2.0]])


def all_negative(b: Builder) -> str:
    return b.add("Neg", head(b))


def scale_per_filter(b: Builder) -> str:
    """Powers of two: with other scales the executor's own sums are rounded."""
    return b.add("MatMul", bits(b), b.add("BipolarQuant", b.rng.normal(size=(96, 5)), [[0.25, 0.5, 1.0, 2.0, 4.0]]))


def gemm(b: Builder) -> str:
    return b.add("Gemm", bits(b), b.weights(5, 96), b.rng.normal(size=5), transB=1)


def zero_and_one(b: Builder) -> str:
    """Bits of 0 and 1: each class has an offset of its own."""
    half = b.add("Div", b.add("Add", bits(b), 1.0), 2.0)
    return b.add("MatMul", half, b.weights(96, 5))


def pruned_class(b: Builder) -> str:
    weights = b.signs(96, 5)
    weights[:, 2] = 0
    return b.add("Add", b.add("MatMul", bits(b), weights), [0.5, 0.0, 7.0, 0.0, 0.0])


ENDS = [normalised, bias, whole_bias, scaled, negative, all_negative, scale_per_filter, gemm, zero_and_one, pruned_class]


@pytest.mark.parametrize("end", ENDS)
def test_factors_and_offsets_rank_as_the_executor(path: Path, end: Callable[[Builder], str]) -> None:
    b = Builder(3)
    b.save(path, end(b))
    network = assert_exact(path, images=2)
    assert network.score_factors is None or network.score_factors.min() >= 0
    pixels = np.random.default_rng(5).integers(0, 256, (8, 1, 8, 6), dtype=np.uint8)
    floats = execute_values(path, network.input_floats(pixels))
    ranked = network.ranked(simulate(network, pixels))
    np.testing.assert_array_equal(floats, ranked)
    assert (ranked.dtype == np.int32) == (end in (whole_bias, all_negative, zero_and_one))


@pytest.mark.parametrize("end", ENDS)
def test_factors_come_back_from_every_file(tmp_path: Path, end: Callable[[Builder], str]) -> None:
    b = Builder(4)
    network = read_qonnx(b.save(tmp_path / "a.onnx", end(b)), "uint8")
    save_network(network, tmp_path / "a.npz")
    assert load_network(tmp_path / "a.npz").same_as(network)
    write_qonnx(network, tmp_path / "b.onnx")
    again = read_qonnx(tmp_path / "b.onnx")
    pixels = np.random.default_rng(6).integers(0, 256, (5, 1, 8, 6), dtype=np.uint8)
    expected = network.ranked(simulate(network, pixels))
    np.testing.assert_array_equal(again.ranked(simulate(again, pixels)), expected)
    np.testing.assert_array_equal(execute_qonnx(tmp_path / "b.onnx", pixels), expected)


def sigmoid(b: Builder) -> str:
    return b.add("Sigmoid", b.add("MatMul", bits(b), b.weights(96, 1)))


def normalised_sigmoid(b: Builder) -> str:
    return b.add("Sigmoid", b.norm(b.add("MatMul", bits(b), b.weights(96, 1)), 1, [-0.7]))


def logit(b: Builder) -> str:
    return b.add("MatMul", bits(b), b.weights(96, 1))


def sign(b: Builder) -> str:
    return b.add("Sign", b.add("MatMul", bits(b), b.weights(96, 1)))


def quantised(b: Builder) -> str:
    return b.add("BipolarQuant", b.add("MatMul", bits(b), b.weights(96, 1)), 1.0)


def at_half(b: Builder) -> str:
    return b.add("Cast", b.add("Greater", sigmoid(b), 0.5), to=TensorProto.FLOAT)


def negated(b: Builder) -> str:
    return b.add("BipolarQuant", b.add("Neg", b.add("MatMul", bits(b), b.weights(96, 1))), 1.0)


@pytest.mark.parametrize(
    ("end", "least"),
    [(sigmoid, 0.5), (normalised_sigmoid, 0.5), (logit, 0.0), (sign, 0.0), (quantised, 0.0), (at_half, 0.5), (negated, 0.0)],
)
def test_one_output_is_two_classes(path: Path, end: Callable[[Builder], str], least: float) -> None:
    b = Builder(12)
    b.save(path, end(b))
    network = read_qonnx(path, "uint8")
    assert network.class_names == ("0", "1")
    pixels = scenes(24)
    outputs = execute_values(path, network.input_floats(pixels))
    ranked = network.ranked(simulate(network, pixels))
    assert ranked.shape == (24, 2) and not ranked[:, 0].any()
    right = outputs[:, 0] > least
    assert 0 < right.sum() < 24
    np.testing.assert_array_equal(ranked.argmax(1), right)
    assert ranked[:4].argmax(1).tolist() == execute_qonnx(path, pixels[:4], "uint8").argmax(1).tolist()


def test_the_sum_zero_is_class_0_behind_a_sigmoid_and_class_1_behind_a_quantiser(path: Path) -> None:
    for end, expected in ((sigmoid, 0), (sign, 0), (quantised, 1), (negated, 1)):
        b = Builder(12)
        network = read_qonnx(b.save(path, end(b)), "uint8")
        # Scores of the two rows are opposite; the second is the sum.
        assert int(network.ranked(np.array([0, 0], np.int32)).argmax()) == expected


def test_logits_of_one_output_keep_their_values_and_names(path: Path) -> None:

    b = Builder(12)
    model = onnx.load(b.save(path, sigmoid(b)))
    for given, expected in ((["person"], ("not person", "person")), (["no", "yes"], ("no", "yes"))):
        set_metadata(model, (1, 8, 6), given, "detector")
        onnx.save(model, path)
        network = read_qonnx(path)
        assert network.class_names == expected
    pixels = np.random.default_rng(1).integers(0, 256, (20, 1, 8, 6), dtype=np.uint8)
    logits = execute_values(path, network.input_floats(pixels), read_model(path).scores_tensor)
    ranked = network.ranked(simulate(network, pixels))
    assert ranked.dtype == np.int32
    np.testing.assert_array_equal(ranked[:, 1], logits[:, 0])


def rounding_notes(network: Network) -> list[str]:
    return [note for note in network.notes if "rounding" in note]


def scaled_network(b: Builder, scale: Any, shift: float) -> str:
    """A convolution of 36 weights of a scale, a sign, and scores with weights of one."""
    x = b.add("Conv", b.thermometer(), b.add("BipolarQuant", b.rng.normal(size=(6, 4, 3, 3)), scale))
    x = b.add("BipolarQuant", b.add("Add", x, shift), 1.0)
    return b.add("MatMul", b.add("Flatten", x), b.weights(144, 5))


@pytest.mark.parametrize(
    ("scale", "shift", "told"), [(0.1, 0.0, True), (0.1, 0.05, False), (0.25, 0.0, False), (1.0, 0.0, False), (0.1, 0.2, True)]
)
def test_thresholds_that_hang_on_rounding_are_told(path: Path, scale: float, shift: float, told: bool) -> None:
    b = Builder(2)
    network = read_qonnx(b.save(path, scaled_network(b, scale, shift)), "uint8")
    notes = rounding_notes(network)
    assert bool(notes) == told
    if told:
        assert "BipolarQuant_5 (BipolarQuant): 6 of 6 channels decide at a sum so near their threshold" in notes[0]
    else:
        assert_exact(path)


def test_equal_scores_of_inexact_sums_are_told(path: Path) -> None:
    b = Builder(2)
    b.save(path, b.add("MatMul", bits(b), b.add("BipolarQuant", b.rng.normal(size=(96, 5)), 0.1)))
    assert "MatMul_8 (MatMul)" in rounding_notes(read_qonnx(path, "uint8"))[0]


def test_scores_that_float32_rounds_together_or_overflows_are_refused(path: Path) -> None:
    for kind, value, match in (
        ("Add", 1e9, "float32 tells apart"),
        ("Mul", 1e38, "infinity"),
        ("Mul", np.full(5, 0.0), "tells apart"),
    ):
        b = Builder()
        b.save(path, b.add(kind, head(b), value))
        with pytest.raises(QonnxError, match=match):
            read_qonnx(path, "uint8")


def test_sums_that_overflow_are_refused(path: Path) -> None:
    b = Builder()
    b.save(path, scaled_network(b, 1e37, 0.0))
    with pytest.raises(QonnxError, match=r"Conv_3 \(Conv\): its sums overflow float32"):
        read_qonnx(path, "uint8")


def test_a_quantiser_whose_bits_never_change_is_told(path: Path) -> None:
    b = Builder(1)
    x = b.add("Relu", b.norm(b.add("Conv", b.thermometer(), b.weights(4, 4, 3, 3)), 4))
    b.save(path, b.head(b.add("BipolarQuant", x, 1.0), 96))
    (note,) = read_qonnx(path, "uint8").notes
    assert note.startswith("BipolarQuant_6 (BipolarQuant): its bits never change, its value is always 1; a Relu before")
