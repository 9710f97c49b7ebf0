"""Grouped convolution -> per group Im2Col, a matrix product and its thresholds, joined by channels."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.base import Transformation

from owlbit.hw.finn.transformations.graph import (
    TO_FIRST,
    TO_LAST,
    LoweringError,
    attribute,
    constant_value,
    new_constant,
    new_node,
    new_tensor,
    replace_nodes,
    shape_of,
    sole_consumer,
)


class LowerGroupedConvs(Transformation):
    """Conv of any group count -> Transpose, Split, per group (Im2Col, MatMul, MultiThreshold), Concat, Transpose.

    Stock FINN takes group counts of 1 and of the channels only. The MultiThreshold that alone reads a convolution is divided with
    it, so that what is joined are bits and not accumulators. Weights keep their QONNX datatype. A kernel of 1x1 that reads every
    position needs no Im2Col, one group no Split and no Concat. LoweringError for a bias or a dilation.
    Source: `LowerConvsToMatMul` of qonnx, whose order of a window (row, column, channel) this keeps.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in list(model.graph.node):
            if node.op_type == "Conv" and constant_value(model, node.input[1]) is not None:
                _lower(model, node)
        return model, False


def _lower(model: ModelWrapper, node: NodeProto) -> None:
    if len(node.input) > 2 or set(attribute(node, "dilations", [1])) != {1}:
        raise LoweringError(f"{node.name} (Conv): expected no bias and no dilation; absorb a bias into the thresholds first")
    weights = constant_value(model, node.input[1])
    assert weights is not None
    groups, filters = attribute(node, "group", 1), len(weights) // attribute(node, "group", 1)
    strides, pads = attribute(node, "strides", [1, 1]), attribute(node, "pads", [0, 0, 0, 0])
    channels, kernel = weights.shape[1], list(weights.shape[2:])
    _, _, height, width = shape_of(model, node.input[0])
    _, _, out_height, out_width = shape_of(model, node.output[0])
    threshold = sole_consumer(model, node.output[0], "MultiThreshold")
    bits, sums = model.get_tensor_datatype(node.input[0]), model.get_tensor_datatype(node.output[0])

    last = new_tensor(model, (1, height, width, groups * channels), bits)
    new = [new_node("Transpose", [node.input[0]], [last], perm=TO_LAST)]
    parts = [last]
    if groups > 1:
        parts = [new_tensor(model, (1, height, width, channels), bits) for _ in range(groups)]
        sizes = new_constant(model, np.full(groups, channels, np.int64))
        new.append(new_node("Split", [last, sizes], parts, axis=-1))
    results = []
    for group, part in enumerate(parts):
        own = slice(group * filters, (group + 1) * filters)
        if kernel != [1, 1] or strides != [1, 1] or any(pads):
            windows = new_tensor(model, (1, out_height, out_width, channels * kernel[0] * kernel[1]), bits)
            options = {"stride": strides, "kernel_size": kernel, "pad_amount": pads, "dilations": [1, 1]}
            new.append(new_node("Im2Col", [part], [windows], input_shape=f"(1,{height},{width},{channels})", **options))
            part = windows
        matrix = weights[own].transpose(0, 2, 3, 1).reshape(filters, -1).T
        factor = new_constant(model, matrix, model.get_tensor_datatype(node.input[1]))
        current = new_tensor(model, (1, out_height, out_width, filters), sums)
        new.append(new_node("MatMul", [part, factor], [current]))
        if threshold is not None:
            new.append(_divided(model, threshold, own, current, (1, out_height, out_width, filters)))
            current = new[-1].output[0]
        results.append(current)
    end = node.output[0] if threshold is None else threshold.output[0]
    joined = results[0]
    if groups > 1:
        joined = new_tensor(model, (1, out_height, out_width, len(weights)), model.get_tensor_datatype(end))
        new.append(new_node("Concat", results, [joined], axis=-1))
    new.append(new_node("Transpose", [joined], [end], perm=TO_FIRST))
    replace_nodes(model, [node] if threshold is None else [node, threshold], new)


def _divided(model: ModelWrapper, threshold: NodeProto, own: slice, sums: str, shape: tuple[int, ...]) -> NodeProto:
    """The MultiThreshold for the filters `own` of one group, which are `sums`."""
    values = constant_value(model, threshold.input[1])
    if values is None:
        raise LoweringError(f"{threshold.name} (MultiThreshold): expected constant thresholds")
    mine = new_constant(model, values if len(values) == 1 else values[own], model.get_tensor_datatype(threshold.input[1]))
    bits = new_tensor(model, shape, model.get_tensor_datatype(threshold.output[0]))
    given = getCustomOp(threshold)
    kept = {name: given.get_nodeattr(name) for name in ("out_dtype", "out_scale", "out_bias")}
    return new_node("MultiThreshold", [sums, mine], [bits], data_layout="NHWC", **kept)
