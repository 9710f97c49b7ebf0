"""Bits of -1 and +1 -> bits of 0 and 1, through every fan-out, and their matrix products -> XNOR and popcount."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from onnx import NodeProto
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation

from owlbit.hw.finn.transformations.graph import (
    BINARY,
    BIPOLAR,
    QONNX_DOMAIN,
    attribute,
    constant_value,
    consumers,
    is_output,
    new_constant,
    new_node,
    new_tensor,
    replace_nodes,
    set_attributes,
    shape_of,
    sole_consumer,
)
from owlbit.hw.finn.transformations.infer_padding import padding_value, spatial_padding

# They give the same for 0 and 1 as for -1 and +1, each under its own name for the lower value.
CARRIERS = (
    "Concat",
    "Flatten",
    "Gather",
    "Identity",
    "Im2Col",
    "Max",
    "MaxPool",
    "MaxPoolNHWC",
    "Pad",
    "Reshape",
    "Split",
    "Transpose",
    "Where",
)


class ConvertBipolarToXnor(Transformation):
    """BIPOLAR activations -> BINARY, MatMul of two BIPOLAR -> XnorPopcountMatMul.

    Taken together are all bipolar tensors that layout operators, pools, Split, Concat and logic gates connect: a set is converted
    where each of its tensors comes from a MultiThreshold or from another of the set, and each reader is a product with constant
    BIPOLAR weights or passes bits on; another set stays as it is. qonnx' own conversion takes one producer with one reader only.

    The popcount p over K weights stands for 2p - K. A MultiThreshold that alone reads it gets the popcount thresholds
    ceil((t + K) / 2), clipped to 0..K+1; before any other reader stand a Mul by 2 and an Add of -K. XOR, which is the negative
    product of two bipolar maps, becomes the absolute difference. Padding by -1 becomes padding by 0.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for tensors in _connected(model):
            if all(_convertible(model, tensor, tensors) for tensor in tensors):
                _convert(model, tensors)
        return model, False


def _connected(model: ModelWrapper) -> list[set[str]]:
    """Bipolar activations, those together that a carrier or a gate connects, in the order of the graph.

    They are followed from the MultiThresholds that make them: inference of datatypes loses them behind some operators.
    """
    sets: dict[str, set[str]] = {}
    for node in model.graph.node:
        read = [name for name in node.input if name in sets]
        made = (
            list(node.output) if node.op_type == "MultiThreshold" and model.get_tensor_datatype(node.output[0]) == BIPOLAR else []
        )
        if read and (node.op_type in CARRIERS or _is_xor(model, node)):
            made = list(node.output)
            joined = set(made).union(*(sets[name] for name in read))
        else:
            joined = set(made)
        if made:
            sets.update((name, joined) for name in joined)
    found: list[set[str]] = []
    for each in sets.values():
        if not any(each is other for other in found):
            found.append(each)
    return found


def _is_xor(model: ModelWrapper, node: NodeProto) -> bool:
    """Whether a node is one half of an XOR of two maps: their product, or its negative."""
    if node.op_type == "Neg":
        product = model.find_producer(node.input[0])
        return product is not None and product.op_type == "Mul" and _is_xor(model, product)
    dynamic = node.op_type == "Mul" and all(constant_value(model, name) is None for name in node.input)
    return dynamic and sole_consumer(model, node.output[0], "Neg") is not None


def _convertible(model: ModelWrapper, tensor: str, tensors: set[str]) -> bool:
    producer = model.find_producer(tensor)
    if producer is None or is_output(model, tensor) or not _makes_bits(model, producer, tensors):
        return False
    return all(_reads_bits(model, node, tensor, tensors) for node in consumers(model, tensor))


def _makes_bits(model: ModelWrapper, node: NodeProto, tensors: set[str]) -> bool:
    if node.op_type == "MultiThreshold":
        scale, bias = attribute(node, "out_scale", 1.0), attribute(node, "out_bias", 0.0)
        return constant_value(model, node.input[1]) is not None and (scale, bias) == (2.0, -1.0)
    return _passes_bits(model, node, tensors)


def _passes_bits(model: ModelWrapper, node: NodeProto, tensors: set[str]) -> bool:
    if node.op_type == "Pad" and (spatial_padding(model, node) is None or padding_value(model, node) != -1):
        return False
    if node.op_type == "Im2Col" and any(attribute(node, "pad_amount", [0])) and attribute(node, "pad_value", 0) != -1:
        return False
    if node.op_type not in CARRIERS and not _is_xor(model, node):
        return False
    data = [name for name in node.input if name and constant_value(model, name) is None]
    return all(name in tensors for name in [*data, *node.output])


def _reads_bits(model: ModelWrapper, node: NodeProto, tensor: str, tensors: set[str]) -> bool:
    if node.op_type == "MatMul":
        weights = constant_value(model, node.input[1])
        return node.input[0] == tensor and weights is not None and bool(model.get_tensor_datatype(node.input[1]) == BIPOLAR)
    return _passes_bits(model, node, tensors)


def _convert(model: ModelWrapper, tensors: Iterable[str]) -> None:
    """Tensors first, then what makes and reads them: each node is met once."""
    nodes = [node for node in model.graph.node if any(name in tensors for name in (*node.input, *node.output))]
    for node in [node for node in nodes if node.op_type == "Mul" and _is_xor(model, node)]:
        negative = consumers(model, node.output[0])[0]
        difference = new_tensor(model, shape_of(model, node.output[0]), DataType["INT2"])
        new = [new_node("Sub", list(node.input), [difference]), new_node("Abs", [difference], list(negative.output))]
        replace_nodes(model, [node, negative], new)
    for tensor in tensors:
        model.set_tensor_datatype(tensor, BINARY)
    for node in nodes:
        if node.op_type == "MultiThreshold" and node.output[0] in tensors:
            set_attributes(node, out_dtype="BINARY", out_scale=1.0, out_bias=0.0)
        elif node.op_type == "Im2Col" and attribute(node, "pad_value", 0) == -1:
            set_attributes(node, pad_value=0)
        elif node.op_type == "Pad":
            node.input[2] = new_constant(model, np.zeros((), np.float32))
        elif node.op_type == "MatMul":
            _count(model, node)


def _count(model: ModelWrapper, node: NodeProto) -> None:
    """MatMul -> XnorPopcountMatMul, and what follows for popcounts."""
    weights = constant_value(model, node.input[1])
    assert weights is not None
    fan_in, sums = len(weights), node.output[0]
    shape = shape_of(model, sums)
    node.op_type, node.domain = "XnorPopcountMatMul", QONNX_DOMAIN
    node.input[1] = new_constant(model, (weights + 1) / 2, BINARY)
    counts = DataType[f"UINT{fan_in.bit_length()}"]
    threshold = sole_consumer(model, sums, "MultiThreshold")
    values = constant_value(model, threshold.input[1]) if threshold is not None else None
    if threshold is not None and values is not None:
        whole = np.clip(np.ceil((values.astype(np.float64) + fan_in) / 2), 0, fan_in + 1)
        threshold.input[1] = new_constant(model, whole, DataType[f"UINT{(fan_in + 1).bit_length()}"])
        model.set_tensor_datatype(sums, counts)
        return
    popcount, doubled = new_tensor(model, shape, counts), new_tensor(model, shape, DataType[f"UINT{fan_in.bit_length() + 1}"])
    node.output[0] = popcount
    offset = new_constant(model, np.array([-fan_in], np.float32), DataType[f"INT{fan_in.bit_length() + 1}"])
    new = [
        new_node("Mul", [popcount, new_constant(model, np.array([2.0]), DataType["UINT2"])], [doubled]),
        new_node("Add", [doubled, offset], [sums]),
    ]
    replace_nodes(model, [node], [node, *new])
    model.set_tensor_datatype(sums, DataType[f"INT{fan_in.bit_length() + 1}"])
