"""Damage to a QONNX file: its nodes, attributes, constants, inputs, metadata, or its bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fuzz_bytes import Draw, mutate_bytes

KINDS = (
    *("Add", "Sub", "Mul", "Div", "Sum", "Max", "Min", "Pow", "Neg", "Abs", "Sign", "Clip", "Relu", "Sigmoid", "Identity", "Cast"),
    *(
        "Conv",
        "ConvTranspose",
        "MatMul",
        "Gemm",
        "MaxPool",
        "AveragePool",
        "GlobalMaxPool",
        "BatchNormalization",
        "Flatten",
        "Reshape",
    ),
    *(
        "Transpose",
        "Concat",
        "Split",
        "Slice",
        "Gather",
        "Unsqueeze",
        "Squeeze",
        "Expand",
        "Tile",
        "Pad",
        "Resize",
        "Where",
        "Greater",
    ),
    *(
        "Constant",
        "ConstantOfShape",
        "Shape",
        "Range",
        "RandomNormal",
        "If",
        "Loop",
        "Scan",
        "ReduceSum",
        "ArgMax",
        "TopK",
        "Softmax",
    ),
    *("BipolarQuant", "Quant", "MultiThreshold", "Trunc", "NoSuchOperator", "EyeLike", "OneHot", "Einsum", "DequantizeLinear"),
)
INTS = (-(2**63), -(2**31), -2, -1, 0, 1, 2, 3, 7, 255, 2**16, 2**31, 2**62)
FLOATS = (float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e-45, 1e38, -1e38, 0.1, 0.5, 1.0, 3.0)
TEXTS = ("", "SAME_UPPER", "VALID", "ij,jk->ik", "\x1b[31m", "x" * 2000, "two\nlines", "NHWC", "BIPOLAR", "INT2")
JSONS = (
    "",
    "{",
    "[" * 3000,
    "[1, 2]",
    '["a"]',
    "null",
    '{"scale": NaN}',
    '{"a": ' * 2000,
    "1" * 5000,
    '"\\ud800"',
    "[" + '"a",' * 999 + '"a"]',
)


def mutate_onnx(data: bytes, draw: Draw) -> bytes:
    """The file `data` with 1 to 3 changes, mostly to its structure."""
    if draw.random() < 0.15:
        return mutate_bytes(data, draw)
    model = onnx.ModelProto()
    model.ParseFromString(data)
    for _ in range(int(draw.choice([1, 1, 1, 2, 3]))):
        try:
            CHANGES[int(draw.integers(len(CHANGES)))](model, draw)
        except Exception:  # there is nothing to be changed so
            continue
    return bytes(model.SerializeToString())


def _pick(entries: Any, draw: Draw) -> Any:
    return entries[int(draw.integers(len(entries)))]


def _names(model: onnx.ModelProto) -> list[str]:
    graph = model.graph
    made = [name for node in graph.node for name in node.output]
    return [*(each.name for each in graph.input), *(each.name for each in graph.initializer), *made, "", "nowhere"]


def _kind(model: onnx.ModelProto, draw: Draw) -> None:
    _pick(model.graph.node, draw).op_type = _pick(KINDS, draw)


def _domain(model: onnx.ModelProto, draw: Draw) -> None:
    _pick(model.graph.node, draw).domain = _pick(("", "ai.onnx", "qonnx.custom_op.general", "onnx.brevitas", "elsewhere"), draw)


def _input(model: onnx.ModelProto, draw: Draw) -> None:
    node = _pick(model.graph.node, draw)
    node.input[int(draw.integers(len(node.input)))] = _pick(_names(model), draw)


def _more_inputs(model: onnx.ModelProto, draw: Draw) -> None:
    node = _pick(model.graph.node, draw)
    if draw.random() < 0.5:
        node.input.append(_pick(_names(model), draw))
    else:
        del node.input[int(draw.integers(len(node.input))) :]


def _output(model: onnx.ModelProto, draw: Draw) -> None:
    node = _pick(model.graph.node, draw)
    node.output[int(draw.integers(len(node.output)))] = _pick(_names(model), draw)


def _itself(model: onnx.ModelProto, draw: Draw) -> None:
    node = _pick(model.graph.node, draw)
    node.input[0] = node.output[0]


def _node(model: onnx.ModelProto, draw: Draw) -> None:
    nodes = model.graph.node
    at = int(draw.integers(len(nodes)))
    what = int(draw.integers(3))
    if what == 0:
        del nodes[at]
    elif what == 1:
        nodes.append(nodes[at])
    else:
        other = int(draw.integers(len(nodes)))
        first, second = onnx.NodeProto(), onnx.NodeProto()
        first.CopyFrom(nodes[at])
        second.CopyFrom(nodes[other])
        nodes[at].CopyFrom(second)
        nodes[other].CopyFrom(first)


def _between(model: onnx.ModelProto, draw: Draw) -> None:
    """One more node in a connection."""
    node = _pick(model.graph.node, draw)
    at = int(draw.integers(len(node.input)))
    others = [_pick(_names(model), draw) for _ in range(int(draw.integers(3)))]
    added = helper.make_node(_pick(KINDS, draw), [node.input[at], *others], [f"between_{draw.integers(10**6)}"])
    place = list(model.graph.node).index(node)
    node.input[at] = added.output[0]
    model.graph.node.insert(place, added)


def _attribute(model: onnx.ModelProto, draw: Draw) -> None:
    node = _pick(model.graph.node, draw)
    names = [each.name for each in node.attribute]
    name = str(
        _pick([*names, "axis", "pads", "strides", "dilations", "group", "kernel_shape", "auto_pad", "epsilon", "to", "perm"], draw)
    )
    values = [
        *(_pick(INTS, draw), [_pick(INTS, draw) for _ in range(int(draw.integers(5)))], _pick(FLOATS, draw), _pick(TEXTS, draw)),
        *([_pick(FLOATS, draw)] * 2, numpy_helper.from_array(np.array(_pick(FLOATS, draw), np.float32))),
    ]
    kept = [each for each in node.attribute if each.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)
    if draw.random() < 0.85:
        value = _pick(values, draw)
        node.attribute.append(helper.make_attribute(name, value, attr_type=None if value != [] else onnx.AttributeProto.INTS))


def _subgraph(model: onnx.ModelProto, draw: Draw) -> None:
    body = helper.make_graph([], "body", [], [])
    _pick(model.graph.node, draw).attribute.append(helper.make_attribute("body", body))


def _values(model: onnx.ModelProto, draw: Draw) -> None:
    tensor = _pick(model.graph.initializer, draw)
    array = numpy_helper.to_array(tensor).copy().reshape(-1)
    some = draw.random(array.size) < draw.choice([0.01, 0.3, 1])
    array[some] = _pick(FLOATS, draw) if array.dtype.kind == "f" else _pick((-1, 0, 1, 127), draw)
    tensor.CopyFrom(numpy_helper.from_array(array.reshape(tuple(tensor.dims)), tensor.name))


def _shape(model: onnx.ModelProto, draw: Draw) -> None:
    tensor = _pick(model.graph.initializer, draw)
    what = int(draw.integers(4))
    if what == 0:
        tensor.dims[int(draw.integers(len(tensor.dims)))] = _pick(INTS, draw)
    elif what == 1:
        tensor.dims.append(_pick((1, 2, 0, -1), draw))
    elif what == 2:
        array = numpy_helper.to_array(tensor)
        made = _pick((array.reshape(-1), array.reshape(-1)[:1], array.reshape(-1)[0], array[None], array.T, array[:0]), draw)
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(made), tensor.name))
    else:
        tensor.raw_data = tensor.raw_data[: int(draw.integers(len(tensor.raw_data) + 1))]


def _type(model: onnx.ModelProto, draw: Draw) -> None:
    tensor = _pick(model.graph.initializer, draw)
    if draw.random() < 0.5:
        tensor.data_type = int(draw.integers(0, 26))
    else:
        kind = _pick((np.float16, np.float64, np.int8, np.int64, np.bool_, np.uint64), draw)
        with np.errstate(all="ignore"):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(kind), tensor.name))


def _outside(model: onnx.ModelProto, draw: Draw) -> None:
    tensor = _pick(model.graph.initializer, draw)
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", _pick(("../../../etc/passwd", "/dev/zero", "", "none.bin", "."), draw)


def _frame(model: onnx.ModelProto, draw: Draw) -> None:
    value = _pick([*model.graph.input, *model.graph.output], draw)
    dims = value.type.tensor_type.shape.dim
    what = int(draw.integers(4))
    if what == 0:
        _pick(dims, draw).dim_value = _pick((-1, 0, 1, 10_000, 2**31, 2**62, 17), draw)
    elif what == 1:
        _pick(dims, draw).dim_param = "N"
    elif what == 2:
        dims.add().dim_value = 1
    else:
        value.type.tensor_type.elem_type = int(draw.integers(0, 20))


def _ends(model: onnx.ModelProto, draw: Draw) -> None:
    what, graph = int(draw.integers(4)), model.graph
    if what == 0:
        graph.output.append(graph.output[0])
    elif what == 1:
        del graph.output[:]
    elif what == 2:
        graph.input.append(graph.input[0])
    else:
        graph.output[0].name = _pick(_names(model), draw)


def _metadata(model: onnx.ModelProto, draw: Draw) -> None:
    keys = [entry.key for entry in model.metadata_props] or ["owlbit.class_names", "owlbit.input"]
    key = _pick([*keys, "owlbit.class_names", "owlbit.input", "owlbit.name"], draw)
    found = [entry for entry in model.metadata_props if entry.key == key]
    entry = found[0] if found and draw.random() < 0.8 else model.metadata_props.add()
    entry.key, entry.value = key, _pick(JSONS, draw)


def _versions(model: onnx.ModelProto, draw: Draw) -> None:
    if draw.random() < 0.5:
        model.ir_version = _pick((0, 1, 3, 99, 2**62), draw)
    else:
        opset = model.opset_import[0] if model.opset_import and draw.random() < 0.7 else model.opset_import.add()
        opset.version = _pick((-1, 0, 1, 7, 13, 22, 99, 2**62), draw)


CHANGES = (
    *(
        _kind,
        _kind,
        _domain,
        _input,
        _input,
        _more_inputs,
        _output,
        _itself,
        _node,
        _node,
        _between,
        _between,
        _attribute,
        _attribute,
    ),
    *(_attribute, _subgraph, _values, _values, _shape, _shape, _type, _outside, _frame, _ends, _metadata, _versions),
)
