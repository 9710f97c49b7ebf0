"""Random legal networks: written as QONNX, run by QONNX's executor, read back, and saved as files; always the same integers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from owlbit.export.network import BinaryConv, ChannelShuffle, Network, OrPool, Scores, Thermometer
from owlbit.export.network_file import load_network, save_network
from owlbit.export.qonnx.execute import execute_qonnx, execute_values
from owlbit.export.qonnx.read import QonnxError, read_qonnx
from owlbit.export.qonnx.write import qonnx_model, write_qonnx
from owlbit.hw.reference import simulate
from random_networks import random_images, random_network

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seeds)
def test_written_and_executed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    images = random_images(rng, network, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_qonnx(network, path)
        scores = simulate(network, images)
        np.testing.assert_array_equal(execute_values(path, images.astype(np.float32)), scores)
        np.testing.assert_array_equal(execute_qonnx(path, images), scores)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(seeds)
def test_written_and_read_back(seed: int) -> None:
    """The reader takes a shuffle before a linear layer into the weights, and leaves out one that moves nothing."""
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    images = random_images(rng, network)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_qonnx(network, path)
        again = read_qonnx(path)
        np.testing.assert_array_equal(simulate(again, images), simulate(network, images))
        write_qonnx(again, path)
        assert read_qonnx(path).same_as(again)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seeds)
def test_without_shuffles_every_integer_comes_back(seed: int) -> None:
    network = random_network(np.random.default_rng(seed), shuffle=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_qonnx(network, path)
        assert read_qonnx(path).same_as(network)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seeds)
def test_saved_and_loaded(seed: int) -> None:
    network = random_network(np.random.default_rng(seed))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        save_network(network, path)
        assert load_network(path).same_as(network)


def small_network(names: tuple[str, ...] = ("owl", "no owl")) -> Network:
    conv = BinaryConv(np.ones((2, 2, 3, 3), np.uint8), np.array([9, 10], np.int32), padding=(1, 1, 1, 1))
    layers = (
        Thermometer(np.array([[60, 120]], np.int32)),
        conv,
        OrPool(),
        ChannelShuffle(np.array([1, 0], np.int32)),
        Scores(np.eye(2, 8, dtype=np.uint8)),
    )
    return Network((1, 4, 4), layers, names, "night")


def test_metadata_and_shapes_are_in_the_file(tmp_path: Path) -> None:
    network = small_network()
    path = tmp_path / "model.onnx"
    write_qonnx(network, path)
    model = onnx.load(path)
    onnx.checker.check_model(model)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert properties == {
        "owlbit.name": "night",
        "owlbit.class_names": '["owl", "no owl"]',
        "owlbit.input": '{"dtype": "uint8", "layout": "NCHW", "shape": [1, 4, 4], "scale": 1.0, "offset": 0.0}',
    }
    assert model.producer_name == "owlbit"
    shaped = {value.name for value in (*model.graph.value_info, *model.graph.output)}
    assert shaped == {output for node in model.graph.node for output in node.output}
    assert read_qonnx(path).class_names == network.class_names


def test_qonnx_cleanup_changes_nothing(tmp_path: Path) -> None:
    """Its renaming and constant folding leave metadata, integers and layers."""
    from qonnx.util.cleanup import cleanup

    rng = np.random.default_rng(11)
    network = random_network(rng)
    images = random_images(rng, network, 3)
    raw, clean = tmp_path / "raw.onnx", tmp_path / "clean.onnx"
    write_qonnx(network, raw)
    cleanup(str(raw), out_file=str(clean))
    assert read_qonnx(clean).same_as(read_qonnx(raw))
    np.testing.assert_array_equal(execute_values(clean, images.astype(np.float32)), simulate(network, images))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("class_names", "{"),
        ("class_names", "[" * 100_000),
        ("class_names", '{"a": "b"}'),
        ("class_names", "[1, 2]"),
        ("class_names", '["only one"]'),
        ("input", "[1]"),
        ("input", '{"shape": [1, 2], "scale": 1, "offset": 0}'),
        ("input", '{"shape": [1, 8, 6], "scale": NaN, "offset": 0}'),
        ("input", '{"shape": [1, 8, 6], "scale": 1' + "0" * 5000 + ', "offset": 0}'),
    ],
)
def test_damaged_metadata_is_told(tmp_path: Path, key: str, value: str) -> None:
    model = qonnx_model(small_network())
    onnx.helper.set_model_props(model, {f"owlbit.{key}": value})
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(QonnxError, match=r"metadata entry owlbit\.\w+ is damaged|class names, got 1"):
        read_qonnx(path)


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_qonnx(small_network(), tmp_path / f"{name}.onnx")
        save_network(small_network(), tmp_path / f"{name}.npz")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_one_flipped_weight_is_seen_by_the_executor(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    network = small_network()
    images = random_images(rng, network, 8)
    weights = np.array(network.layers[-1].weights)  # type: ignore[union-attr]
    weights[1, 5] ^= 1
    flipped = Network(network.input_shape, (*network.layers[:-1], Scores(weights)))
    path = tmp_path / "model.onnx"
    write_qonnx(flipped, path)
    assert (execute_qonnx(path, images) != simulate(network, images)).any()
