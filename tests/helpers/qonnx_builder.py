"""QONNX files written by hand, as tools in the wild write them, and the one check that all of them must pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from owlbit.export.network import Network
from owlbit.export.qonnx.execute import execute_qonnx
from owlbit.export.qonnx.read import InputRange, read_qonnx
from owlbit.hw.reference import simulate

_QONNX = ("BipolarQuant", "Quant", "MultiThreshold")
Array = NDArray[Any]


class Builder:
    """A graph under construction: `b.add(kind, *inputs, **attributes)` returns the output's name; arrays become constants."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: Any, dtype: type = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def add(self, kind: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> str:
        names = [entry if isinstance(entry, str) else self.constant(entry) for entry in inputs]
        index = len(self.nodes)
        made = [f"{kind}_{index}_out{k}" for k in range(outputs)]
        domain = "qonnx.custom_op.general" if kind in _QONNX else ""
        self.nodes.append(helper.make_node(kind, names, made, f"{kind}_{index}", domain=domain, **attributes))
        return made[0]

    def signs(self, *shape: int) -> Array:
        return self.rng.choice(np.array([-1, 1], np.float32), shape)

    def weights(self, *shape: int, scale: Any = 1.0) -> str:
        """Float weights behind a BipolarQuant."""
        return self.add("BipolarQuant", self.rng.normal(size=shape), np.asarray(scale))

    def thermometer(self, x: str = "x", levels: int = 4, colours: int = 1) -> str:
        """Pixels 0..255 to +-1 bits [1, colours * levels, H, W]."""
        bias = 0.5 - np.sort(self.rng.integers(20, 236, (colours, levels)), axis=1).reshape(-1)
        copies = self.add("Conv", x, np.ones((colours * levels, 1, 1, 1)), bias, group=colours, kernel_shape=[1, 1])
        return self.add("BipolarQuant", copies, 1.0)

    def norm(self, x: str, channels: int, slopes: Any = None) -> str:
        """BatchNormalization with random statistics and slopes of both signs."""
        scale = self.rng.normal(size=channels) if slopes is None else slopes
        bias, mean = self.rng.normal(size=channels), self.rng.normal(scale=3, size=channels)
        return self.add("BatchNormalization", x, scale, bias, mean, self.rng.uniform(0.5, 30, channels), epsilon=1e-5)

    def head(self, x: str, features: int, classes: int = 5) -> str:
        """Flatten and binary scores."""
        return self.add("MatMul", self.add("Flatten", x, axis=1), self.weights(features, classes))

    def save(
        self,
        path: Path,
        output: str | tuple[str, ...],
        shape: tuple[Any, ...] = (1, 1, 8, 6),
        kind: int = TensorProto.FLOAT,
        output_kind: int = TensorProto.FLOAT,
    ) -> Path:
        """Writes the file with the input "x" of `shape` and the outputs named, whose first is of type `output_kind`."""
        outputs = (output,) if isinstance(output, str) else output
        graph = helper.make_graph(
            self.nodes,
            "wild",
            [helper.make_tensor_value_info("x", kind, shape)],
            [
                helper.make_tensor_value_info(outputs[0], output_kind, None),
                *(onnx.ValueInfoProto(name=name) for name in outputs[1:]),
            ],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("qonnx.custom_op.general", 1)]
        model = onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=opsets, ir_version=8))
        path.write_bytes(model.SerializeToString())
        return path


def assert_exact(path: Path, input_range: InputRange | str = "uint8", seed: int = 0, images: int = 6) -> Network:
    """Reads the file and compares what ranks with what QONNX's executor finds; the scores must not all be the same."""
    network = read_qonnx(path, input_range)
    pixels = np.random.default_rng(seed).integers(0, 256, (images, *network.input_shape), dtype=np.uint8)
    pixels[0], pixels[1] = 0, 255
    scores = simulate(network, pixels)
    np.testing.assert_array_equal(network.ranked(scores), execute_qonnx(path, pixels, input_range))
    assert len(np.unique(scores)) > 1
    return network
