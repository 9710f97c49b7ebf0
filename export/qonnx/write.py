"""A `Network` as a QONNX file: float32 tensors, standard ONNX operators, and `BipolarQuant` and `MultiThreshold` of QONNX.

What the file computes, run by `qonnx.core.onnx_exec.execute_onnx`, are exactly the network's integers: every value in it is an
integer that float32 holds, but for the factors and offsets per class of a network that has them, which a Mul and an Add at the
end apply. Bits are -1.0 and +1.0, thresholds compare the accumulator `2*popcount - K`, padding is an explicit
`Pad` with -1, and logic skips are `Max` (OR), `Neg` of `Mul` (XOR) and `Where` (a multiplexer). The input is a float32 image
[1, C, H, W] of pixel values 0..255, the output float32 [1, classes] of what ranks: integer scores, or these with their factors.
A packed file holds eight weights per byte, and standard operators that unpack them: constants, which `FoldConstants` of qonnx turns
into the float weights of an unpacked file.
Sources: ONNX operator set 17; QONNX operators, https://github.com/fastmachinelearning/qonnx/tree/main/docs/qonnx-custom-ops
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from owlbit.export.files import write_bytes
from owlbit.export.network import (
    BinaryConv,
    BinaryLinear,
    Bits,
    ChannelShuffle,
    LogicSkip,
    Network,
    OrPool,
    Scores,
    Shape,
    Thermometer,
)
from owlbit.export.qonnx.metadata import set_metadata
from owlbit.export.qonnx.parse import read_model_file

QONNX_DOMAIN = "qonnx.custom_op.general"
OPSET = 17
IR_VERSION = 8


class _Graph:
    """The nodes and constants written so far; `current` is the tensor that the next layer reads, `shape` its (C, H, W)."""

    def __init__(self, input_name: str, shape: Shape, packed: bool) -> None:
        self.packed = packed
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.values: list[onnx.ValueInfoProto] = []
        self.current = input_name
        self.shape = shape
        self.flat = False
        self.outputs: list[tuple[str, bool]] = []  # of every layer written: the tensor, and whether it is flat

    def constant(self, name: str, array: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(
        self, kind: str, name: str, inputs: list[str], shape: tuple[int, ...], dtype: int = TensorProto.FLOAT, **attributes: Any
    ) -> str:
        """Appends a node with the one output `name`_out, `dtype` of `shape`, and returns the output's name."""
        output = f"{name}_out"
        domain = QONNX_DOMAIN if kind in ("BipolarQuant", "MultiThreshold") else ""
        self.nodes.append(helper.make_node(kind, inputs, [output], name, domain=domain, **attributes))
        self.values.append(helper.make_tensor_value_info(output, dtype, shape))
        return output

    def step(self, kind: str, name: str, extra: list[str], shape: tuple[int, ...], **attributes: Any) -> None:
        """A node between the current tensor and the new current tensor."""
        self.current = self.node(kind, name, [self.current, *extra], shape, **attributes)

    def flatten(self, name: str) -> None:
        if not self.flat:
            self.step("Flatten", f"{name}_flatten", [], (1, int(np.prod(self.shape))), axis=1)
            self.flat = True

    def unflatten(self, name: str) -> None:
        if self.flat:
            self.current = self.as_map(name, self.current)
            self.flat = False

    def as_map(self, name: str, flat: str) -> str:
        """The flat tensor `flat`, of the current shape, as a map."""
        target = self.constant(f"{name}_shape", np.array([1, *self.shape], np.int64))
        return self.node("Reshape", f"{name}_reshape", [flat, target], (1, *self.shape))


def write_qonnx(network: Network, path: str | Path, *, packed: bool = False) -> None:
    """Writes `network` to `path` as QONNX, whole or not at all. Raises OwlbitError where `path` cannot be written.

    `packed`: eight weights per byte, a file of about a thirtieth of the size.
    """
    write_bytes(Path(path), qonnx_model(network, packed=packed).SerializeToString())


def copy_model(source: Path, path: Path) -> None:
    """Copies an ONNX file byte for byte; one whose tensors lie in a second file beside it is written with all of them inside."""
    content, model = source.read_bytes(), read_model_file(source)
    within = all(tensor.data_location != TensorProto.EXTERNAL for tensor in onnx.load_model_from_string(content).graph.initializer)
    write_bytes(path, content if within else model.SerializeToString())


def qonnx_model(network: Network, *, packed: bool = False) -> onnx.ModelProto:
    """The QONNX model that `write_qonnx` writes, checked by `onnx.checker`."""
    graph = _Graph("image", network.input_shape, packed)
    for index, (layer, _, shape) in enumerate(network.steps()):
        name = f"layer{index}"
        if isinstance(layer, BinaryConv | OrPool | ChannelShuffle):
            graph.unflatten(name)
        match layer:
            case Thermometer():
                _write_thermometer(graph, name, layer)
            case BinaryConv():
                _write_conv(graph, name, layer)
            case OrPool():
                graph.step("MaxPool", name, [], (1, *shape), kernel_shape=layer.kernel, strides=layer.stride)
            case ChannelShuffle():
                indices = graph.constant(f"{name}_permutation", layer.permutation.astype(np.int64))
                graph.step("Gather", name, [indices], (1, *shape), axis=1)
            case BinaryLinear():
                _write_matmul(graph, name, layer.weights)
                _write_threshold(graph, name, 2 * layer.thresholds - layer.fan_in, (1, shape[0]))
            case LogicSkip():
                _write_skip(graph, name, layer)
            case Scores():
                _write_matmul(graph, name, layer.weights)
                _write_factors(graph, network)
        graph.shape = shape
        graph.outputs.append((graph.current, graph.flat))
    scores = graph.nodes[-1].output[0]
    proto = helper.make_graph(
        graph.nodes,
        network.name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, *network.input_shape))],
        [helper.make_tensor_value_info(scores, TensorProto.FLOAT, (1, network.classes))],
        graph.constants,
        value_info=graph.values[:-1],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(QONNX_DOMAIN, 1)]
    model = helper.make_model(proto, opset_imports=opsets, ir_version=IR_VERSION, producer_name="owlbit")
    set_metadata(model, network.input_shape, network.class_names, network.name)
    onnx.checker.check_model(model)
    return model


def _signs(graph: _Graph, name: str, weights: Bits, shape: tuple[int, ...]) -> str:
    """Weight bits as a float constant of +-1 behind a BipolarQuant, which is how QONNX says that they are 1 bit wide."""
    if graph.packed:
        values = _unpacked(graph, name, weights.reshape(shape))
    else:
        values = graph.constant(f"{name}_weights", weights.reshape(shape).astype(np.float32) * 2 - 1)
    one = graph.constant(f"{name}_weights_scale", np.array(1.0, np.float32))
    return graph.node("BipolarQuant", f"{name}_weights_quant", [values, one], shape)


def _unpacked(graph: _Graph, name: str, weights: Bits) -> str:
    """Weight bits as bytes, the first weight in the lowest bit, and the nodes that make +-1 of them."""
    uint8 = TensorProto.UINT8
    content = np.packbits(weights.reshape(-1), bitorder="little")

    def constant(what: str, values: NDArray[Any]) -> str:
        return graph.constant(f"{name}_weights_{what}", values)

    def node(kind: str, what: str, inputs: list[str], shape: tuple[int, ...], dtype: int = uint8, **attributes: Any) -> str:
        return graph.node(kind, f"{name}_weights_{what}", inputs, shape, dtype, **attributes)

    rows = (len(content), 8)
    places = constant("places", np.arange(8, dtype=np.uint8).reshape(1, 8))
    shifted = node("BitShift", "shifted", [constant("packed", content.reshape(-1, 1)), places], rows, direction="RIGHT")
    bits = node("Mod", "bits", [shifted, constant("two", np.array(2, np.uint8))], rows)
    flat = node("Reshape", "flat", [bits, constant("all", np.array([-1], np.int64))], (content.size * 8,))
    ends = [constant(what, np.array([at], np.int64)) for what, at in (("start", 0), ("end", weights.size))]
    used = node("Slice", "used", [flat, *ends], (weights.size,))
    shaped = node("Reshape", "shaped", [used, constant("shape", np.array(weights.shape, np.int64))], weights.shape)
    numbers = node("Cast", "numbers", [shaped], weights.shape, TensorProto.FLOAT, to=TensorProto.FLOAT)
    doubled = node("Mul", "doubled", [numbers, constant("twice", np.array(2.0, np.float32))], weights.shape, TensorProto.FLOAT)
    return node("Sub", "signs", [doubled, constant("one", np.array(1.0, np.float32))], weights.shape, TensorProto.FLOAT)


def _write_threshold(graph: _Graph, name: str, thresholds: NDArray[Any], shape: tuple[int, ...]) -> None:
    constant = graph.constant(f"{name}_thresholds", thresholds.astype(np.float32).reshape(-1, 1))
    graph.step(
        "MultiThreshold",
        f"{name}_threshold",
        [constant],
        shape,
        out_dtype="BIPOLAR",
        out_scale=2.0,
        out_bias=-1.0,
        data_layout=_layout(shape),
    )


def _layout(shape: tuple[int, ...]) -> str:
    return "NCHW" if len(shape) == 4 else "NC"


def _write_thermometer(graph: _Graph, name: str, layer: Thermometer) -> None:
    """A 1x1 convolution copies each colour T times; one threshold a copy follows."""
    colours, levels = layer.thresholds.shape
    shape = (1, *layer.output_shape(graph.shape))
    ones = graph.constant(f"{name}_copies", np.ones((colours * levels, 1, 1, 1), np.float32))
    graph.step("Conv", name, [ones], shape, group=colours, kernel_shape=[1, 1])
    _write_threshold(graph, name, layer.thresholds.reshape(-1), shape)


def _write_conv(graph: _Graph, name: str, layer: BinaryConv) -> None:
    channels, height, width = graph.shape
    top, left, bottom, right = layer.padding
    if any(layer.padding):
        pads = graph.constant(f"{name}_pads", np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
        minus_one = graph.constant(f"{name}_pad_value", np.array(-1.0, np.float32))
        graph.step("Pad", f"{name}_pad", [pads, minus_one], (1, channels, height + top + bottom, width + left + right))
    weights = _signs(graph, name, layer.weights, layer.weights.shape)
    shape = (1, *layer.output_shape(graph.shape))
    kernel = list(layer.weights.shape[2:])
    graph.step("Conv", name, [weights], shape, group=layer.groups, kernel_shape=kernel, strides=list(layer.stride))
    _write_threshold(graph, name, 2 * layer.thresholds - layer.fan_in, shape)


def _write_matmul(graph: _Graph, name: str, weights: Bits) -> None:
    graph.flatten(name)
    transposed = _signs(graph, name, weights.T, weights.T.shape)
    graph.step("MatMul", name, [transposed], (1, len(weights)))


def _write_factors(graph: _Graph, network: Network) -> None:
    """A factor and an offset per class, where the network has them."""
    if network.score_factors is None or network.score_offsets is None:
        return
    shape = (1, network.classes)
    graph.step("Mul", "scores_scaled", [graph.constant("score_factors", network.score_factors.reshape(shape))], shape)
    graph.step("Add", "scores_shifted", [graph.constant("score_offsets", network.score_offsets.reshape(shape))], shape)


def _write_skip(graph: _Graph, name: str, layer: LogicSkip) -> None:
    earlier, flat = graph.outputs[layer.source]
    if flat != graph.flat:
        earlier = graph.as_map(name, earlier) if flat else earlier
        graph.unflatten(name)
    shape = (1, graph.shape[0]) if graph.flat else (1, *graph.shape)
    if layer.select is not None:
        axes = (1, -1) if graph.flat else (1, -1, 1, 1)
        select = graph.constant(f"{name}_select", layer.select.astype(np.bool_).reshape(axes))
        graph.current = graph.node("Where", name, [select, graph.current, earlier], shape)
    elif layer.gate == "or":
        graph.step("Max", name, [earlier], shape)
    else:
        graph.step("Mul", f"{name}_product", [earlier], shape)
        graph.step("Neg", name, [], shape)
