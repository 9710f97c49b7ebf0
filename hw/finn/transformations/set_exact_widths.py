"""Widths of accumulators and thresholds that hold every value which can occur, and no bit more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation
from qonnx.transformation.infer_datatypes import InferDataTypes

from owlbit.hw.finn.transformations.graph import LoweringError, attribute, constant_value, is_output, new_constant, set_attributes


class SetExactWidths(Transformation):
    """Sets accumulator, threshold and output datatypes of FINN's MVAU and Thresholding layers, and rounds thresholds up.

    An XNOR layer counts 0..K and its thresholds lie in 0..K+1. FINN's `MinimizeAccumulatorWidth` takes the range of (2w - 1) times
    bits of 0 and 1 for it, and clips thresholds to that. For other weights the range is that of each output's own weights. A
    product of two bipolar tensors that is not an XNOR layer is computed wrongly by FINN's hardware, and is refused: LoweringError.
    An accumulator that the graph returns is widened to whole bytes, as FINN does.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if node.op_type.startswith("MVAU"):
                _set_widths(model, node)
            elif node.op_type.startswith("Thresholding"):
                _set_thresholds(model, node)
        return model.transform(InferDataTypes()), False


def _set_widths(model: ModelWrapper, node: NodeProto) -> None:
    weights = constant_value(model, node.input[1])
    if weights is None:
        raise LoweringError(f"{node.name} ({node.op_type}): expected constant weights")
    if attribute(node, "binaryXnorMode", 0):
        low, high = 0, len(weights)
    else:
        low, high = _range(model, node, weights)
    accumulator = _datatype(low, high)
    set_attributes(node, accDataType=accumulator.name)
    if attribute(node, "noActivation", 0):
        if is_output(model, node.output[0]) or model.find_direct_successors(node) is None:
            accumulator = DataType[accumulator.name.rstrip("0123456789") + str(-(-accumulator.bitwidth() // 8) * 8)]
            set_attributes(node, accDataType=accumulator.name)
        set_attributes(node, outputDataType=accumulator.name)
        model.set_tensor_datatype(node.output[0], accumulator)
        return
    thresholds = constant_value(model, node.input[2])
    if thresholds is None:
        raise LoweringError(f"{node.name} ({node.op_type}): expected constant thresholds")
    whole = np.clip(np.ceil(thresholds), low, high + 1)
    node.input[2] = new_constant(model, whole, _datatype(low, high + 1))


def _set_thresholds(model: ModelWrapper, node: NodeProto) -> None:
    """Of thresholds on a tensor of integers, which are a layer of their own."""
    data, thresholds = model.get_tensor_datatype(node.input[0]), constant_value(model, node.input[1])
    if thresholds is None or not data.is_integer():
        raise LoweringError(f"{node.name} ({node.op_type}): expected constant thresholds on integers, got {data.name} ones")
    low, high = int(data.min()), int(data.max())
    width = _datatype(low, high + 1)
    node.input[1] = new_constant(model, np.clip(np.ceil(thresholds), low, high + 1), width)
    set_attributes(node, weightDataType=width.name)


def _range(model: ModelWrapper, node: NodeProto, weights: NDArray[np.float32]) -> tuple[int, int]:
    """The least and the greatest sum that inputs of the annotated datatype can give, over all outputs."""
    data = model.get_tensor_datatype(node.input[0])
    if data.bitwidth() == 1 and data.signed():
        raise LoweringError(
            f"{node.name} ({node.op_type}): expected bits of 0 and 1, got bipolar ones; they pass a node that has no form for bits"
        )
    ends = np.stack([weights * data.min(), weights * data.max()])
    return int(ends.min(axis=0).sum(axis=0).min()), int(ends.max(axis=0).sum(axis=0).max())


def _datatype(low: int, high: int) -> DataType:
    """The narrowest integer type from `low` to `high`."""
    if low >= 0:
        return DataType[f"UINT{max(1, high.bit_length())}"]
    return DataType[f"INT{max((-low - 1).bit_length(), high.bit_length()) + 1}"]
