"""Spellings of particular tools: channels last, vectors, tensors in a second file, signs by comparison, thermometers by look-up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from owlbit.export.image_arrays import to_image_axes
from owlbit.export.load_model import load_model
from owlbit.export.network import BinaryConv, LogicSkip, OrPool
from owlbit.export.qonnx.execute import execute_values
from owlbit.export.qonnx.read import QonnxError, read_model, read_qonnx
from owlbit.export.qonnx.write import copy_model
from owlbit.hw.reference import simulate
from qonnx_builder import Builder, assert_exact


def assert_ranks(path: Path, input_range: Any = "uint8", image_shape: tuple[int, int, int] | None = None) -> None:
    """The executor's values, image for image."""
    read = read_model(path, input_range, image_shape)
    pixels = np.random.default_rng(0).integers(0, 256, (6, *read.network.input_shape), dtype=np.uint8)
    ranked = read.network.ranked(simulate(read.network, pixels))
    np.testing.assert_array_equal(ranked, execute_values(path, read.file_inputs(pixels), read.scores_tensor))
    assert len(np.unique(ranked)) > 1


def sign(b: Builder, x: str) -> str:
    """As Larq spells it: the sign of zero is +1."""
    return b.add("Sign", b.add("Add", b.add("Sign", x), 0.1))


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("padded", [False, True])
def test_channels_last(path: Path, colours: int, padded: bool) -> None:
    """Keras and Larq: [N, H, W, C] between the layers, transposed around each convolution."""
    b = Builder(colours)
    x = sign(b, b.add("Sub", x := "x", 0.4))
    if padded:
        x = b.add("Pad", x, b.constant([0, 1, 1, 0, 0, 1, 0, 0], np.int64), b.constant(-1.0))
    height, width = (10, 7) if padded else (8, 6)
    if colours == 1:
        x = b.add("Reshape", x, b.constant([1, 1, height, width], np.int64))  # what tf2onnx makes of a transposition
    else:
        x = b.add("Transpose", x, perm=[0, 3, 1, 2])
    x = b.add("Transpose", b.add("Conv", x, b.signs(4, colours, 3, 3)), perm=[0, 2, 3, 1])
    x = sign(b, b.add("Add", b.add("Mul", x, b.rng.normal(size=4)), b.rng.normal(size=4)))
    features = 4 * (height - 2) * (width - 2)
    b.save(path, b.add("MatMul", b.add("Flatten", x), b.signs(features, 5)), (1, 8, 6, colours))
    assert read_qonnx(path, "unit").input_shape == (colours, 8, 6)
    assert_ranks(path, "unit")


def test_images_are_taken_in_the_axes_of_the_file(caplog: pytest.LogCaptureFixture) -> None:
    images = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    np.testing.assert_array_equal(to_image_axes(images, (3, 4, 6)), images.transpose(0, 3, 1, 2))
    assert "the array is [N, H, W, C] and is taken as [N, C, H, W]" in caplog.text
    caplog.clear()
    assert to_image_axes(images, (4, 6, 3)) is images
    np.testing.assert_array_equal(to_image_axes(images.reshape(2, -1), (3, 4, 6)), images.reshape(2, 3, 4, 6))
    assert to_image_axes(images[:, 0], (3, 4, 6)).shape == (2, 6, 3)
    assert not caplog.text


def vector(path: Path, scalar: bool) -> None:
    b = Builder(3)
    x = b.add("BipolarQuant", b.add("Sub", "x", 99.5 if scalar else b.rng.uniform(20, 230, 48)), 1.0)
    x = b.add("BipolarQuant", b.norm(b.add("MatMul", x, b.weights(48, 9)), 9), 1.0)
    b.save(path, b.add("MatMul", x, b.weights(9, 3)), (1, 48))


def test_a_vector_takes_the_shape_of_an_image(path: Path) -> None:
    vector(path, scalar=True)
    assert read_qonnx(path, "uint8").input_shape == (48, 1, 1)
    assert read_qonnx(path, "uint8", (3, 2, 8)).input_shape == (3, 2, 8)
    assert_ranks(path, "uint8", (1, 6, 8))
    with pytest.raises(QonnxError, match="expected an image shape of any of 48 values, got 1x7x7"):
        read_qonnx(path, "uint8", (1, 7, 7))
    vector(path, scalar=False)
    with pytest.raises(QonnxError, match="expected one parameter a channel"):
        read_qonnx(path, "uint8", (1, 6, 8))
    Builder.save(b := Builder(), path, b.head(b.thermometer(), 192))
    with pytest.raises(QonnxError, match="expected an image shape of 1x8x6, got 1x6x8"):
        read_qonnx(path, "uint8", (1, 6, 8))


def test_a_scale_and_an_offset_per_colour(path: Path) -> None:
    """Images normalised by mean and deviation, compared with one threshold: another pixel value per colour."""
    b = Builder(5)
    x = b.add("BipolarQuant", b.add("Conv", b.add("BipolarQuant", "x", 1.0), b.weights(4, 3, 3, 3)), 1.0)
    b.save(path, b.head(x, 4 * 6 * 4), (1, 3, 8, 6))
    mean, deviation = np.array([0.2, 0.5, 0.8]), np.array([0.3, 0.2, 0.1])
    given = (tuple((1 / 255 / deviation).tolist()), tuple((-mean / deviation).tolist()))
    network = read_qonnx(path, given)
    assert (network.input_scale, network.input_offset) == given
    assert network.layers[0].thresholds[:, 0].tolist() == [51, 128, 204]  # type: ignore[union-attr]
    assert_ranks(path, given)
    with pytest.raises(QonnxError, match="expected an input range of 1 or 3 scales and offsets, one per colour, got 2"):
        read_qonnx(path, ((1.0, 2.0), 0.0))


@pytest.mark.parametrize(
    ("attributes", "shape"),
    [
        ({"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, (4, 3)),
        ({"kernel_shape": [2, 3], "strides": [1, 2], "pads": [0, 2, 1, 0]}, (8, 3)),
        ({"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, (4, 3)),
        ({"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}, (4, 3)),
    ],
)
@pytest.mark.parametrize("before", [False, True])
def test_pools_with_padding(path: Path, attributes: dict[str, Any], shape: tuple[int, int], before: bool) -> None:
    """Padding is less than every value: bit 0, whatever the bit stands for, before the threshold and behind it."""
    b = Builder(2)
    x = b.norm(b.add("Conv", b.thermometer(), b.weights(4, 4, 1, 1)), 4, [1.0, -1.0, 0.5, -2.0])
    for step in ("pool", "quantise") if before else ("quantise", "pool"):
        x = b.add("MaxPool", x, **attributes) if step == "pool" else b.add("BipolarQuant", x, 1.0)
    network = assert_exact(b.save(path, b.head(x, 4 * shape[0] * shape[1])))
    assert not any(isinstance(layer, OrPool) for layer in network.layers)
    assert sum(isinstance(layer, BinaryConv) and layer.groups == 4 for layer in network.layers) == 1


def test_a_filter_of_zeros_is_a_constant_channel(path: Path) -> None:
    b = Builder(1)
    weights = b.signs(4, 4, 3, 3)
    weights[1] = 0
    x = b.add("BipolarQuant", b.add("Add", b.add("Conv", b.thermometer(), weights), np.full((4, 1, 1), -0.5)), 1.0)
    network = assert_exact(b.save(path, b.head(x, 96)))
    assert isinstance(network.layers[1], BinaryConv) and network.layers[1].thresholds[1] == 37


@pytest.mark.parametrize("kind", ["equal", "detach", "clip", "twice"])
def test_branches_that_meet_again_are_functions_of_one_integer(path: Path, kind: str) -> None:
    b = Builder(1)
    x = b.norm(b.add("Conv", b.thermometer(), b.weights(4, 4, 3, 3)), 4)
    if kind == "equal":
        x = b.add("Where", b.add("Equal", b.add("Sign", x), 0.0), 1.0, b.add("Sign", x))
    elif kind == "detach":
        x = b.add("Add", x, b.add("Sub", b.add("BipolarQuant", x, 1.0), x))
    elif kind == "clip":
        hard = b.add("Clip", x, -1.0, 1.0)
        x = b.add("Add", hard, b.add("Sub", b.add("Where", b.add("GreaterOrEqual", x, 0.0), 1.0, -1.0), hard))
    else:
        x = b.add("Where", b.add("Or", b.add("Greater", x, 0.0), b.add("Equal", x, 0.0)), 1.0, -1.0)
    network = assert_exact(b.save(path, b.head(x, 96)))
    assert not any(isinstance(layer, LogicSkip) for layer in network.layers)


def test_a_thermometer_by_look_up(path: Path) -> None:
    """A row of bits per pixel value, as a table in torch is written."""
    b = Builder(1)
    rows = np.where(np.arange(256)[:, None] >= [40, 90, 200], 1.0, -1.0)
    x = b.add("Cast", b.add("Clip", b.add("Floor", "x"), 0.0, 255.0), to=TensorProto.INT64)
    x = b.add("Transpose", b.add("Gather", rows, b.add("Transpose", x, perm=[0, 2, 3, 1]), axis=0), perm=[0, 3, 4, 1, 2])
    x = b.add("Reshape", x, b.constant([1, 9, 8, 6], np.int64))
    x = b.add("BipolarQuant", b.norm(b.add("Conv", x, b.weights(4, 9, 3, 3)), 4), 1.0)
    network = assert_exact(b.save(path, b.head(x, 96), (1, 3, 8, 6)))
    assert network.layers[0].thresholds.tolist() == [[40, 90, 200]] * 3  # type: ignore[union-attr]


@pytest.fixture
def external(path: Path) -> Path:
    b = Builder()
    b.save(path, b.head(b.thermometer(), 192))
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="model.data", size_threshold=0)
    return path


def test_tensors_in_a_second_file(external: Path, tmp_path: Path) -> None:
    network = assert_exact(external)
    (tmp_path / "copy").mkdir()
    copy_model(external, tmp_path / "copy" / "model.onnx")
    assert load_model(tmp_path / "copy" / "model.onnx", "uint8").computes_as(network)


@pytest.mark.parametrize("place", ["../model.data", "/tmp/model.data", "folder/model.data", "..", "", "C:model.data"])
def test_a_second_file_anywhere_else_is_not_read(external: Path, place: str) -> None:
    model = onnx.load(external, load_external_data=False)
    for tensor in model.graph.initializer:
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value=place)
    external.write_bytes(model.SerializeToString())
    with pytest.raises(QonnxError, match="expected the name of a file in the same folder"):
        read_qonnx(external, "uint8")


def test_a_second_file_that_is_gone_cut_off_or_a_link(external: Path, tmp_path: Path) -> None:
    data = external.with_name("model.data")
    content = data.read_bytes()
    data.write_bytes(content[:-8])
    with pytest.raises(QonnxError, match=r"expected [\d,]+ bytes from [\d,]+ on in model.data, which has"):
        read_qonnx(external, "uint8")
    data.unlink()
    with pytest.raises(QonnxError, match="which is not there; copy it beside the ONNX file"):
        read_qonnx(external, "uint8")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_bytes(content)
    data.symlink_to(tmp_path / "elsewhere" / "secret")
    with pytest.raises(QonnxError, match="a link to another folder, which is not followed"):
        read_qonnx(external, "uint8")
