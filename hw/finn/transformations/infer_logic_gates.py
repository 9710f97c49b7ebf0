"""Logic gates on bits -> FINN's elementwise hardware layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation

from owlbit.hw.finn.transformations.graph import (
    BINARY,
    FINN_DOMAIN,
    constant_value,
    new_constant,
    new_node,
    new_tensor,
    replace_nodes,
    shape_of,
    sole_consumer,
)


class InferLogicGates(Transformation):
    """Max of two BINARY maps -> ElementwiseOr; Abs of their difference -> ElementwiseXor; Where by constant bits -> AND, AND, OR.

    The maps are channels last or flat. FINN's HWWhere streams its condition; one that never changes costs two gates instead.
    Sources: FINN's elementwise_binary.py, whose layers of these names AMD's FINN and finn-plus share.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in list(model.graph.node):
            output = node.output[0]
            if node.op_type == "Max" and len(node.input) == 2 and _bits(model, *node.input):
                replace_nodes(model, [node], [_gate(model, "Or", node.input[0], node.input[1], output)])
            elif node.op_type == "Sub" and _bits(model, *node.input):
                end = sole_consumer(model, output, "Abs")
                if end is not None:
                    replace_nodes(model, [node, end], [_gate(model, "Xor", node.input[0], node.input[1], end.output[0])])
            elif node.op_type == "Where" and _bits(model, *node.input[1:]):
                select = constant_value(model, node.input[0])
                if select is not None:
                    _choose(model, node, select)
        return model, False


def _bits(model: ModelWrapper, *tensors: str) -> bool:
    return all(constant_value(model, name) is None and model.get_tensor_datatype(name) == BINARY for name in tensors)


def _choose(model: ModelWrapper, node: NodeProto, select: NDArray[Any]) -> None:
    _, yes, no = node.input
    shape = shape_of(model, node.output[0])
    ends = [new_tensor(model, shape, BINARY) for _ in range(2)]
    masks = [new_constant(model, mask.reshape(-1).astype(np.float32), BINARY) for mask in (select, ~select.astype(np.bool_))]
    gates = [_gate(model, "And", name, mask, end) for name, mask, end in zip((yes, no), masks, ends, strict=True)]
    replace_nodes(model, [node], [*gates, _gate(model, "Or", ends[0], ends[1], node.output[0])])


def _gate(model: ModelWrapper, gate: str, left: str, right: str, output: str) -> NodeProto:
    model.set_tensor_datatype(output, BINARY)
    options = {f"{side}_dtype": "BINARY" for side in ("lhs", "rhs", "out")}
    shapes = {f"{side}_shape": list(shape_of(model, name)) for side, name in (("lhs", left), ("rhs", right), ("out", output))}
    styles = {"lhs_style": "input", "rhs_style": "input" if constant_value(model, right) is None else "const"}
    kind = f"Elementwise{gate}"
    return new_node(kind, [left, right], [output], domain=FINN_DOMAIN, backend="fpgadataflow", **options, **shapes, **styles)
