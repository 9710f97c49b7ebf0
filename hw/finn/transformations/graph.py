"""Small words for rewriting a QONNX graph: new tensors and nodes, who reads what, and replacing some nodes by others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from owlbit.export.errors import OwlbitError

QONNX_DOMAIN = "qonnx.custom_op.general"
FINN_DOMAIN = "finn.custom_op.fpgadataflow"
TO_LAST = [0, 2, 3, 1]  # of a Transpose: channels first to channels last
TO_FIRST = [0, 3, 1, 2]
BIPOLAR, BINARY = DataType["BIPOLAR"], DataType["BINARY"]

_OWN = {"Im2Col": QONNX_DOMAIN, "MultiThreshold": QONNX_DOMAIN, "MaxPoolNHWC": QONNX_DOMAIN, "XnorPopcountMatMul": QONNX_DOMAIN}


class LoweringError(OwlbitError):
    """A graph that FINN's flow cannot take; the message names the node."""


def new_tensor(model: ModelWrapper, shape: Sequence[int], datatype: Any) -> str:
    """A tensor without a value: float32 of `shape`, annotated with the QONNX `datatype`. Returns its name."""
    name: str = model.make_new_valueinfo_name()
    model.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
    model.set_tensor_datatype(name, datatype)
    return name


def new_constant(model: ModelWrapper, array: NDArray[Any], datatype: Any = None) -> str:
    """A constant tensor; returns its name. Other arrays than of int64 and bool become float32, FINN's container of all numbers."""
    name: str = model.make_new_valueinfo_name()
    kept = array.dtype in (np.int64, np.bool_)
    model.set_initializer(name, np.ascontiguousarray(array if kept else array.astype(np.float32)))
    if datatype is not None:
        model.set_tensor_datatype(name, datatype)
    return name


def new_node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> NodeProto:
    """A node of ONNX or, by its kind, of QONNX; `domain` may be given."""
    domain = attributes.pop("domain", _OWN.get(kind, ""))
    return helper.make_node(kind, list(inputs), list(outputs), domain=domain, **attributes)


def replace_nodes(model: ModelWrapper, old: Sequence[NodeProto], new: Sequence[NodeProto]) -> None:
    """Removes `old` and puts `new` where the last of them stood, which keeps the order topological."""
    position = max(list(model.graph.node).index(node) for node in old) + 1
    for offset, node in enumerate(new):
        model.graph.node.insert(position + offset, node)
    for node in old:
        model.graph.node.remove(node)


def attribute(node: NodeProto, name: str, default: Any) -> Any:
    """The value of an attribute, lists as lists, or `default` where the node has none of that name."""
    for found in node.attribute:
        if found.name == name:
            value = helper.get_attribute_value(found)
            return value.decode() if isinstance(value, bytes) else list(value) if isinstance(value, Sequence) else value
    return default


def set_attributes(node: NodeProto, **values: Any) -> None:
    """Sets attributes, replacing those of the same name."""
    for found in [found for found in node.attribute if found.name in values]:
        node.attribute.remove(found)
    node.attribute.extend(helper.make_attribute(name, value) for name, value in values.items())


def consumers(model: ModelWrapper, tensor: str) -> list[NodeProto]:
    """Every node that reads `tensor`, each once."""
    return [node for node in model.graph.node if tensor in node.input]


def is_output(model: ModelWrapper, tensor: str) -> bool:
    """Whether the graph returns `tensor`."""
    return any(output.name == tensor for output in model.graph.output)


def sole_consumer(model: ModelWrapper, tensor: str, *kinds: str) -> NodeProto | None:
    """The one reader of `tensor`, if it has one only, is one of `kinds` (any where none) and is not returned itself."""
    found = consumers(model, tensor)
    if len(found) != 1 or is_output(model, tensor) or (kinds and found[0].op_type not in kinds):
        return None
    return found[0]


def rename_reads(model: ModelWrapper, old: str, new: str) -> None:
    """Every node that reads `old` reads `new` from now on."""
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new


def constant_value(model: ModelWrapper, tensor: str) -> NDArray[Any] | None:
    """The value of a constant tensor, None for any other."""
    value: NDArray[Any] | None = model.get_initializer(tensor)
    return value


def shape_of(model: ModelWrapper, tensor: str) -> tuple[int, ...]:
    """The shape of a tensor. LoweringError where the graph does not tell."""
    shape = model.get_tensor_shape(tensor)
    if shape is None:
        raise LoweringError(f"{tensor}: expected a tensor of known shape; run InferShapes first")
    return tuple(int(size) for size in shape)


def remove_unread(model: ModelWrapper) -> bool:
    """Removes nodes that nobody reads, back to the inputs; whether there were any."""
    changed = False
    for node in reversed(list(model.graph.node)):
        if not any(consumers(model, name) or is_output(model, name) for name in node.output):
            model.graph.node.remove(node)
            changed = True
    return changed
