"""Channels first -> channels last: the transposes that lowered convolutions leave sink through the graph and cancel."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation

from owlbit.hw.finn.transformations.graph import (
    QONNX_DOMAIN,
    TO_FIRST,
    TO_LAST,
    attribute,
    constant_value,
    consumers,
    is_output,
    new_constant,
    new_node,
    new_tensor,
    remove_unread,
    rename_reads,
    set_attributes,
    shape_of,
)

ELEMENTWISE = ("Abs", "Add", "Identity", "Max", "Mul", "Neg", "Sub", "Where")


class MoveChannelsLast(Transformation):
    """Rewrites every node behind a Transpose (0, 3, 1, 2) for channels last, so that only the first transpose of the graph stays.

    Knows MultiThreshold, MaxPool (becomes QONNX's MaxPoolNHWC), Gather of channels, constant Pad, elementwise operators, Reshape
    between flat vectors and 1x1 maps, and Flatten or Reshape in front of matrix products, whose rows are reordered. What it does
    not know keeps its transpose. Stock FINN moves transposes through a few of these only.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        _turn_input(model)
        last: dict[str, str] = {}  # channels first -> the same tensor, channels last
        for node in list(model.graph.node):
            output = node.output[0]
            if node.op_type == "Transpose":
                order = attribute(node, "perm", None)
                if order == TO_FIRST:
                    last[output] = node.input[0]
                elif order == TO_LAST and node.input[0] in last and not is_output(model, output):
                    rename_reads(model, output, last[node.input[0]])
                    model.graph.node.remove(node)
            elif node.op_type == "Reshape" and _makes_a_pixel(model, node):
                last[output] = _behind(model, node)
                features = shape_of(model, output)[1]
                node.input[1] = new_constant(model, np.array([1, 1, 1, features], np.int64))
            elif all(name in last for name in node.input if constant_value(model, name) is None) and _rewrite(model, node, last):
                last[output] = _behind(model, node)
        return model, remove_unread(model)


def _turn_input(model: ModelWrapper) -> None:
    """Two transposes in front of thresholds that read the graph's input: the first one stays, the second sinks."""
    image = model.graph.input[0].name
    shape = shape_of(model, image)
    first = [node for node in consumers(model, image) if node.op_type == "MultiThreshold"]
    if len(shape) != 4 or not any(attribute(node, "data_layout", "NCHW") == "NCHW" for node in first):
        return
    datatype = model.get_tensor_datatype(image)
    moved, back = (new_tensor(model, [shape[axis] for axis in order], datatype) for order in (TO_LAST, range(4)))
    rename_reads(model, image, back)
    model.graph.node.insert(0, new_node("Transpose", [moved], [back], perm=TO_FIRST))
    model.graph.node.insert(0, new_node("Transpose", [image], [moved], perm=TO_LAST))


def _behind(model: ModelWrapper, node: NodeProto) -> str:
    """Lets `node` write a new tensor, channels last, and a Transpose make its old output of it; returns the new tensor."""
    output = node.output[0]
    shape = shape_of(model, output)
    moved = new_tensor(model, [shape[axis] for axis in TO_LAST], model.get_tensor_datatype(output))
    node.output[0] = moved
    position = list(model.graph.node).index(node) + 1
    model.graph.node.insert(position, new_node("Transpose", [moved], [output], perm=TO_FIRST))
    return moved


def _makes_a_pixel(model: ModelWrapper, node: NodeProto) -> bool:
    """Whether a Reshape makes a 1x1 map of a flat vector."""
    return len(shape_of(model, node.input[0])) == 2 and shape_of(model, node.output[0])[2:] == (1, 1)


def _rewrite(model: ModelWrapper, node: NodeProto, last: dict[str, str]) -> bool:
    """Changes `node` to read channels last; whether its output is then channels last as well."""
    kind = node.op_type
    if kind in ("Flatten", "Reshape"):
        _flatten(model, node, last)
        return False
    if kind == "MultiThreshold":
        set_attributes(node, data_layout="NHWC")
    elif kind == "MaxPool":
        sizes = {name: attribute(node, name, default) for name, default in (("kernel_shape", None), ("strides", [1, 1]))}
        pads, ceil = attribute(node, "pads", [0, 0, 0, 0]), attribute(node, "ceil_mode", 0)
        node.op_type, node.domain = "MaxPoolNHWC", QONNX_DOMAIN
        del node.attribute[:]
        set_attributes(node, pads=pads, ceil_mode=ceil, **sizes)
    elif kind == "Gather" and attribute(node, "axis", 0) in (1, -3):
        set_attributes(node, axis=3)
    elif kind == "Pad" and attribute(node, "mode", "constant") == "constant" and len(node.input) == 3:
        pads = constant_value(model, node.input[1])
        if pads is None or pads.size != 8:
            return False
        node.input[1] = new_constant(model, pads.reshape(2, 4)[:, TO_LAST].reshape(-1).astype(np.int64))
    elif kind in ELEMENTWISE:
        for index, name in enumerate(node.input):
            value = constant_value(model, name)
            if value is not None and value.ndim == 4:
                node.input[index] = new_constant(model, value.transpose(TO_LAST), model.get_tensor_datatype(name))
            elif value is not None and value.size != 1:
                return False
    else:
        return False
    for index, name in enumerate(node.input):
        node.input[index] = last.get(name, name)
    return True


def _flatten(model: ModelWrapper, node: NodeProto, last: dict[str, str]) -> None:
    """A flat vector of channels last, and the rows of the matrices that read it in the same order."""
    output = node.output[0]
    products = consumers(model, output)
    constant = all(product.op_type == "MatMul" and constant_value(model, product.input[1]) is not None for product in products)
    if len(shape_of(model, output)) != 2 or is_output(model, output) or not constant:
        return
    _, channels, height, width = shape_of(model, node.input[0])
    order = np.arange(channels * height * width).reshape(channels, height, width).transpose(1, 2, 0).reshape(-1)
    for product in products:
        matrix = constant_value(model, product.input[1])
        assert matrix is not None
        product.input[1] = new_constant(model, matrix[order], model.get_tensor_datatype(product.input[1]))
    node.input[0] = last[node.input[0]]
