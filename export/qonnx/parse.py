"""From the bytes of an ONNX file to a `Graph`, refusing in one sentence whatever is not a whole ONNX model with one image input."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import helper, numpy_helper

from owlbit.export.guard import DAMAGED, reading
from owlbit.export.limits import LARGEST_FILE, LARGEST_IMAGE, MOST_NODES
from owlbit.export.qonnx.external_data import take_in_external_data
from owlbit.export.qonnx.graph import OPTIONAL, Array, Graph, Node, QonnxError

# Brevitas and FINN wrote QONNX's operators under other names before they settled.
QONNX_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
_STANDARD_DOMAINS = ("", "ai.onnx")
_QONNX_OPERATORS = ("BipolarQuant", "Quant", "IntQuant", "MultiThreshold", "Trunc", "FloatQuant", "Im2Col", "XnorPopcountMatMul")


def read_model_file(path: Path) -> onnx.ModelProto:
    """The model in `path`, tensors that lie in another file of its folder taken in.

    Raises QonnxError where there is no file, or it is not a whole ONNX model.
    """
    if path.is_dir():
        raise QonnxError(f"{path}: expected an ONNX file, found a folder")
    if not path.exists():
        raise QonnxError(f"{path}: no such file")
    if path.stat().st_size > LARGEST_FILE:
        raise QonnxError(f"{path}: expected an ONNX file of up to {LARGEST_FILE:,} bytes, got {path.stat().st_size:,}")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except (DecodeError, ValueError):
        raise QonnxError(f"{path}: expected an ONNX file, but this is none or it was cut off; write it again") from None
    if not model.graph.node or not model.graph.input or not model.graph.output or not model.opset_import:
        raise QonnxError(f"{path}: expected an ONNX model with nodes, an input and an output, but this is none or it was cut off")
    take_in_external_data(model, path)
    return model


def parse_model(model: onnx.ModelProto) -> Graph:
    """The model as a `Graph`.

    Raises QonnxError for several image inputs, free image sizes, operators of other domains, unreadable tensors, and names that are
    made twice or before they are read.
    """
    if len(model.graph.node) > MOST_NODES:
        raise QonnxError(f"expected a model of up to {MOST_NODES:,} nodes, got {len(model.graph.node):,}")
    constants = {tensor.name: _array(tensor, tensor.name) for tensor in model.graph.initializer}
    nodes = []
    for proto in model.graph.node:
        node = _node(proto)
        if not node.outputs or (not node.inputs and node.kind != "Constant"):
            raise QonnxError(
                f"node {proto.name} ({proto.op_type}) has no inputs or no outputs; the file is damaged, write it again"
            )
        if proto.domain not in (*_STANDARD_DOMAINS, *QONNX_DOMAINS):
            raise node.error(
                f"operators of the domain {proto.domain} are not supported; those of ONNX and of {QONNX_DOMAINS[0]} are"
            )
        if (node.kind in _QONNX_OPERATORS) != (proto.domain in QONNX_DOMAINS):
            raise node.error(f"is no operator of the domain {proto.domain or 'ai.onnx'}; export the model again")
        if node.kind == "Constant":
            constants[node.outputs[0]] = _constant(node)
        else:
            nodes.append(node)
    inputs = [entry for entry in model.graph.input if entry.name not in constants]
    if len(inputs) != 1:
        raise QonnxError(f"expected one input that is not a constant, got {[entry.name for entry in inputs]}")
    made = [*(tensor.name for tensor in model.graph.initializer), inputs[0].name]
    _check_made_once([*made, *(name for proto in model.graph.node for name in proto.output if name)])
    batch, shape = _input_shape(inputs[0])
    opset = max((entry.version for entry in model.opset_import if entry.domain in _STANDARD_DOMAINS), default=17)
    graph = Graph(
        tuple(nodes),
        constants,
        inputs[0].name,
        shape,
        batch,
        _input_type(inputs[0]),
        _annotation(model, inputs[0].name),
        tuple(entry.name for entry in model.graph.output),
        opset,
    )
    _check_connected(graph)
    return graph


def _check_made_once(names: list[str]) -> None:
    """Every tensor has one maker: ONNX demands it, and what a name made twice holds depends on who reads it."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise QonnxError(f"tensor {name}: is made twice; the file is damaged, write it again")
        seen.add(name)


def _node(proto: onnx.NodeProto) -> Node:
    attributes: dict[str, Any] = {}
    for attribute in proto.attribute:
        if attribute.ref_attr_name:
            raise QonnxError(
                f"node {proto.name} ({proto.op_type}): its attribute {attribute.name} is that of a function around it; write the "
                "model without functions"
            )
        value = helper.get_attribute_value(attribute)
        attributes[attribute.name] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    node = Node(proto.name, proto.op_type, tuple(proto.input), tuple(proto.output), attributes)
    for place, name in enumerate(node.inputs):
        if not name and place not in OPTIONAL.get(node.kind, ()):
            raise node.error(f"its input {place} is left out, which is not optional; the file is damaged, write it again")
    given = len(node.inputs)
    while given and not node.inputs[given - 1]:  # left out at the end is the same as not there
        given -= 1
    return replace(node, inputs=node.inputs[:given])


def _array(tensor: onnx.TensorProto, name: str) -> Array:
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise QonnxError(f"tensor {name}: its values are in another file; save the model with all tensors inside the ONNX file")
    with reading(f"tensor {name}: its values cannot be read", QonnxError, DAMAGED):
        array = np.asarray(numpy_helper.to_array(tensor))
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8 or array.size != math.prod(tensor.dims):
            raise QonnxError(
                f"tensor {name}: its values cannot be read: expected numbers of the shape {list(tensor.dims)[:8]}, got "
                f"{array.dtype} {list(array.shape)}; the file is damaged, write it again"
            )
        return array


def _constant(node: Node) -> Array:
    key, value = next(iter(node.attributes.items()), ("nothing", None))
    if key == "value" and isinstance(value, onnx.TensorProto):
        return _array(value, node.outputs[0])
    if key in ("value_float", "value_floats"):
        return np.asarray(value, np.float32)
    if key in ("value_int", "value_ints"):
        return np.asarray(value, np.int64)
    raise node.error(f"expected a constant tensor, float or integer, got {key}")


def _input_shape(entry: onnx.ValueInfoProto) -> tuple[int, tuple[int, ...]]:
    dims = entry.type.tensor_type.shape.dim
    if not 2 <= len(dims) <= 4:
        raise QonnxError(f"input {entry.name}: expected an image [N, C, H, W] or a vector [N, F], got {len(dims)} axes")
    sizes = [dim.dim_value for dim in dims]
    if min(sizes[1:]) < 1:
        raise QonnxError(f"input {entry.name}: expected fixed sizes but for the batch, got {sizes}; export with a fixed image size")
    if math.prod(sizes[1:]) > LARGEST_IMAGE:
        raise QonnxError(
            f"input {entry.name}: expected an image of up to {LARGEST_IMAGE:,} values, got {'x'.join(map(str, sizes[1:]))}; export "
            "with the size of the camera's images"
        )
    return max(sizes[0], 1), (1, *sizes[1:])


def _input_type(entry: onnx.ValueInfoProto) -> np.dtype[Any]:
    kind = entry.type.tensor_type.elem_type
    if kind not in (onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8):
        name = onnx.TensorProto.DataType.Name(kind) if kind in onnx.TensorProto.DataType.values() else str(kind)
        raise QonnxError(f"input {entry.name}: expected float32 or uint8, got {name}; export the model for float32 images")
    return np.dtype(helper.tensor_dtype_to_np_dtype(kind))


def _annotation(model: onnx.ModelProto, name: str) -> str:
    for annotation in model.graph.quantization_annotation:
        if annotation.tensor_name == name:
            for entry in annotation.quant_parameter_tensor_names:
                if entry.key == "finn_datatype":
                    return str(entry.value)
    return ""


def _check_connected(graph: Graph) -> None:
    known = {*graph.constants, graph.input_name, ""}
    for node in graph.nodes:
        for name in node.inputs:
            if name not in known:
                raise node.error(f"reads {name!r}, which no earlier node makes; the file is damaged, write it again")
        known.update(node.outputs)
    for name in graph.outputs:
        if name not in known:
            raise QonnxError(f"output {name}: no node makes it; the file is damaged, write it again")
