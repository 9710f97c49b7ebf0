"""Attributes of another type than their operator has: one sentence that names node and attribute, whatever stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from owlbit.export.qonnx.graph import QonnxError
from owlbit.export.qonnx.read import read_qonnx
from qonnx_builder import Builder


def spelled(path: Path) -> onnx.ModelProto:
    """A file with a padded convolution, a pool and a threshold, all of whose attributes are written down."""
    b = Builder()
    padded = b.add("Pad", b.thermometer(), np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), np.float32(-1), mode="constant")
    sums = b.add("Conv", padded, b.weights(6, 4, 3, 3), group=1, strides=[1, 1], kernel_shape=[3, 3], dilations=[1, 1])
    bits = b.add("MultiThreshold", sums, b.rng.integers(-3, 3, (6, 1)), out_scale=2.0, out_bias=-1.0, data_layout="NCHW")
    pooled = b.add("MaxPool", bits, kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 0, 0])
    b.save(path, b.head(pooled, 6 * 4 * 3))
    read_qonnx(path, "uint8")  # as it is, it is fine
    return onnx.load(str(path))


@pytest.mark.parametrize(
    ("kind", "key", "value", "expected"),
    [
        ("Conv", "strides", 3, "integers"),
        ("Conv", "strides", [1, 1, 1], "one value for rows and one for columns"),
        ("Conv", "dilations", [1.0, 1.0], "integers"),
        ("Conv", "group", "one", "an integer"),
        ("Conv", "group", [1], "an integer"),
        ("MaxPool", "kernel_shape", 2.5, "integers"),
        ("MaxPool", "pads", "none", "integers"),
        ("MultiThreshold", "out_scale", [2.0, 2.0], "a number"),
        ("MultiThreshold", "out_bias", "low", "a number"),
        ("MultiThreshold", "out_bias", 255, "a number"),
        ("MultiThreshold", "data_layout", 4.0, "a text"),
        ("Pad", "mode", 1, "a text"),
    ],
)
def test_an_attribute_of_another_type(tmp_path: Path, kind: str, key: str, value: Any, expected: str) -> None:
    path = tmp_path / "wild.onnx"
    model = spelled(path)
    node = [node for node in model.graph.node if node.op_type == kind][-1]
    for attribute in [attribute for attribute in node.attribute if attribute.name == key]:
        node.attribute.remove(attribute)
    node.attribute.append(helper.make_attribute(key, value))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(QonnxError, match=rf"wild\.onnx: {node.name} \({kind}\): its attribute {key}: expected {expected}, got "):
        read_qonnx(path, "uint8")


def test_a_convolution_of_constants_is_not_computed(tmp_path: Path) -> None:
    """ONNX Runtime ends the process for some shapes of such a node."""
    b = Builder()
    b.save(tmp_path / "wild.onnx", b.head(b.add("Conv", b.constant(np.zeros((4, 4))), b.weights(6, 4, 3, 3), group=3), 6))
    with pytest.raises(QonnxError, match=r"\(Conv\): reads constants only"):
        read_qonnx(tmp_path / "wild.onnx", "uint8")
