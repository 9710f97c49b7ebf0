"""Minimal QONNX graphs, an operator or two each, for tests of graph transformations, and their execution before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.base import Transformation
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.basic import qonnx_make_model

QONNX = "qonnx.custom_op.general"
BIPOLAR = {"out_dtype": "BIPOLAR", "out_scale": 2.0, "out_bias": -1.0}
Rng = np.random.Generator


def graph(
    nodes: Sequence[NodeProto],
    inputs: dict[str, tuple[int, ...]],
    output: str,
    constants: dict[str, NDArray[Any]],
    types: dict[str, str],
) -> ModelWrapper:
    """A graph from `inputs` (name: shape) to `output`; `types`: QONNX datatypes of tensors."""
    feeds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    end = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    model = ModelWrapper(qonnx_make_model(helper.make_graph(nodes, "minimal", feeds, [end]), opset_imports=_opsets()))
    for name, value in constants.items():
        model.set_initializer(name, value)
    model = model.transform(InferShapes())
    for name in model.get_all_tensor_names():
        model.set_tensor_datatype(name, DataType[types.get(name, "FLOAT32")])
    return model


def _opsets() -> list[Any]:
    return [helper.make_opsetid("", 17), helper.make_opsetid(QONNX, 1)]


def node(kind: str, inputs: str, output: str, **attributes: Any) -> NodeProto:
    """A node that reads and writes tensors named by words."""
    domain = QONNX if kind in ("MultiThreshold", "Im2Col", "MaxPoolNHWC") else ""
    return helper.make_node(kind, inputs.split(), output.split(), name=f"{kind}_{output}", domain=domain, **attributes)


def signs(rng: Rng, *shape: int) -> NDArray[np.float32]:
    """Random weights of -1 and +1."""
    return (rng.integers(0, 2, shape) * 2 - 1).astype(np.float32)


def run(model: ModelWrapper, **feeds: NDArray[Any]) -> NDArray[np.float32]:
    """The output for the given inputs, by QONNX's executor."""
    found = execute_onnx(model, {name: value.astype(np.float32) for name, value in feeds.items()})
    return np.asarray(found[model.graph.output[0].name])


def kinds(model: ModelWrapper) -> list[str]:
    """The operators, in order."""
    return [node.op_type for node in model.graph.node]


def same_after(model: ModelWrapper, feeds: Sequence[dict[str, NDArray[Any]]], *steps: Transformation) -> ModelWrapper:
    """The model after the steps, which must give the same output for every one of `feeds`."""
    after = model
    for step in steps:
        after = after.transform(step)
    for given in feeds:
        np.testing.assert_array_equal(run(after, **given), run(model, **given))
    return after
