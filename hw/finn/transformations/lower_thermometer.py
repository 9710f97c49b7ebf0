"""Thermometer -> a layer that FINN maps: copies of each pixel as one matrix product, a threshold of its own for each copy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation

from owlbit.hw.finn.transformations.graph import (
    BIPOLAR,
    TO_FIRST,
    TO_LAST,
    attribute,
    constant_value,
    new_constant,
    new_node,
    new_tensor,
    replace_nodes,
    shape_of,
)


class LowerThermometer(Transformation):
    """Conv 1x1 that copies each of the C channels of the graph's input T times -> Transpose, MatMul, Transpose.

    One MultiThreshold on one channel counts how many thresholds are passed; it cannot give one bit a threshold. C*T channels with
    one threshold each can, and a matrix with a single 1 in each column makes them. Its weights are annotated BIPOLAR where C = 1,
    all of them being +1, and TERNARY where zeros are among them; FINN has no layer for weights of 0 and 1. The input is annotated
    `input_datatype`. Source of the layer: FINN's MVAU with thresholds.
    """

    def __init__(self, input_datatype: str = "UINT8") -> None:
        super().__init__()
        self.input_datatype = DataType[input_datatype]

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        image = model.graph.input[0].name
        for node in list(model.graph.node):
            weights = constant_value(model, node.input[1]) if node.op_type == "Conv" and len(node.input) == 2 else None
            if weights is None or node.input[0] != image or not _copies_pixels(node, weights, shape_of(model, image)[1]):
                continue
            model.set_tensor_datatype(image, self.input_datatype)
            _lower(model, node, shape_of(model, image), shape_of(model, node.output[0]))
        return model, False


def _copies_pixels(node: NodeProto, weights: NDArray[np.float32], colours: int) -> bool:
    plain = not any(attribute(node, "pads", [0])) and set(attribute(node, "strides", [1])) == {1}
    return plain and attribute(node, "group", 1) == colours and weights.shape[1:] == (1, 1, 1) and bool((weights == 1).all())


def _lower(model: ModelWrapper, node: NodeProto, image: tuple[int, ...], output: tuple[int, ...]) -> None:
    _, colours, height, width = image
    copies = np.kron(np.eye(colours), np.ones((1, output[1] // colours)))
    datatype = BIPOLAR if colours == 1 else DataType["TERNARY"]
    pixel = model.get_tensor_datatype(node.input[0])
    last = new_tensor(model, (1, height, width, colours), pixel)
    product = new_tensor(model, (1, height, width, output[1]), pixel)
    new = [
        new_node("Transpose", [node.input[0]], [last], perm=TO_LAST),
        new_node("MatMul", [last, new_constant(model, copies, datatype)], [product]),
        new_node("Transpose", [product], list(node.output), perm=TO_FIRST),
    ]
    replace_nodes(model, [node], new)
    model.set_tensor_datatype(node.output[0], pixel)
