"""The last step: a graph of one spelling walked once from the image to the scores, constants folded on the way, layers emitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, Bits, Layer, Scores, Shape
from owlbit.export.qonnx.graph import Array, Graph, Node, QonnxError
from owlbit.export.qonnx.lowering.elementwise import (
    ARITHMETIC,
    COMPARISONS,
    STEPS,
    lower_batch_normalization,
    lower_bipolar_quant,
    lower_elementwise,
    lower_multi_threshold,
    lower_pad,
    lower_quant,
)
from owlbit.export.qonnx.lowering.emit import Building
from owlbit.export.qonnx.lowering.evaluate_node import evaluate_node
from owlbit.export.qonnx.lowering.layout import LAYOUTS, lower_layout
from owlbit.export.qonnx.lowering.pool import lower_pool
from owlbit.export.qonnx.lowering.products import lower_conv, lower_matmul
from owlbit.export.qonnx.lowering.traced import BitSource, PairSource, PixelSource, Traced, input_tensor

SUPPORTED = (
    "Conv, MatMul, Gemm, BatchNormalization, arithmetic with constants, BipolarQuant, 1-bit Quant, MultiThreshold, MaxPool, Pad, "
    "Reshape and the like, and the join of two binary maps by OR, XOR or a multiplexer"
)

_Value = Traced | Array


@dataclass(frozen=True)
class Lowered:
    """What the walk found.

    `image`: (C, H, W); `layers`: thermometer to scores; `score_scale`, `score_offset`: what a score s stands for in the file,
    `s * score_scale + score_offset`; `pixel_tables`: for every tensor between the image and the thermometer, float [C, 256].
    """

    image: Shape
    layers: tuple[Layer, ...]
    score_scale: float
    score_offset: float
    pixel_tables: tuple[Array, ...]


def lower_graph(graph: Graph, input_values: NDArray[np.float32]) -> Lowered:
    """The whole network. `input_values` [256]: what each pixel value is in the file. Raises QonnxError outside the subset."""
    building, values, tables = _walk(graph, input_values, until_thermometer=False)
    output = values[graph.outputs[0]]
    if not isinstance(output, Traced):
        raise QonnxError(f"output {graph.outputs[0]}: does not depend on the image")
    node = graph.producers()[graph.outputs[0]]
    weights, scale, offset, reads = _scores(output, node)
    building.add(Scores(weights), reads, node)
    return Lowered(building.image, tuple(building.layers), scale, offset, tables)


def trace_pixels(graph: Graph, input_values: NDArray[np.float32]) -> Lowered:
    """Only the part before the first weights: the thermometer alone as `layers`, or none where the file has none."""
    building, _, tables = _walk(graph, input_values, until_thermometer=True)
    return Lowered(building.image, tuple(building.layers), 1.0, 0.0, tables)


def _walk(
    graph: Graph, input_values: NDArray[np.float32], until_thermometer: bool
) -> tuple[Building, dict[str, _Value], tuple[Array, ...]]:
    values: dict[str, _Value] = dict(graph.constants)
    image = input_tensor(graph.input_shape, input_values)
    values[graph.input_name] = image
    building = Building(image.shape)
    tables: list[Array] = []
    readers = _count_readers(graph)
    for node in graph.nodes:
        missing = [name for name in node.inputs if name and name not in values]
        if missing:
            raise node.error(f"reads {missing[0]}, a second output that is not supported")
        inputs = [values[name] if name else None for name in node.inputs]
        traced = [name for name, value in zip(node.inputs, inputs, strict=True) if isinstance(value, Traced)]
        if not traced:
            results = evaluate_node(node, [entry for entry in inputs if not isinstance(entry, Traced)], graph.opset)
            values.update(zip(node.outputs, results, strict=False))
            continue
        for name in traced if node.kind != "Shape" else ():
            if readers.get(name, 0) > 1 and not isinstance(_source(values[name]), BitSource):
                raise node.error(f"reads {name}, which other nodes read too; only bits may branch")
        result = _lower(node, inputs, building, graph)
        if isinstance(result, Traced) and readers.get(node.outputs[0], 0) > 1:
            result = building.share(result, node)
        values[node.outputs[0]] = result
        if isinstance(result, Traced) and isinstance(result.source, PixelSource):
            tables.append(result.table)
        elif until_thermometer and isinstance(result, Traced):
            break
    return building, values, tuple(tables)


def _source(value: _Value) -> object:
    return value.source if isinstance(value, Traced) else None


def _count_readers(graph: Graph) -> dict[str, int]:
    readers: dict[str, int] = {}
    for node in graph.nodes:
        if node.kind != "Shape":
            for name in set(node.inputs):
                readers[name] = readers.get(name, 0) + 1
    return readers


def _lower(node: Node, inputs: list[Traced | Array | None], building: Building, graph: Graph) -> _Value:
    match node.kind:
        case "Conv":
            return lower_conv(building, node, inputs)
        case "MatMul":
            return lower_matmul(building, node, inputs)
        case "BatchNormalization":
            return lower_batch_normalization(node, inputs)
        case "BipolarQuant":
            return lower_bipolar_quant(building, node, inputs)
        case "Quant" | "IntQuant":
            return lower_quant(building, node, inputs)
        case "MultiThreshold":
            return lower_multi_threshold(building, node, inputs)
        case "MaxPool" | "GlobalMaxPool":
            return lower_pool(building, node, inputs)
        case "Pad":
            return lower_pad(node, inputs)
        case "Shape":
            assert isinstance(inputs[0], Traced)
            sizes = np.array(inputs[0].tensor_shape, np.int64)
            return sizes[slice(node.attributes.get("start", 0), node.attributes.get("end"))]
        case kind if kind in LAYOUTS:
            return lower_layout(node, inputs, graph.batch, graph.opset)
        case kind if kind in (*ARITHMETIC, *STEPS, *COMPARISONS):
            return lower_elementwise(building, node, inputs, graph.opset)
    raise node.error(f"this operator is not supported; supported are {SUPPORTED}")


def _scores(output: Traced, node: Node) -> tuple[Bits, float, float, int]:
    """The weights of the classes in the file's order, the affine map from integer scores to the file's, and the layer they read."""
    if isinstance(output.source, BitSource | PairSource):
        raise node.error("the network ends in bits; expected class scores, sums of bits without a threshold")
    if isinstance(output.source, PixelSource):
        raise node.error("the network ends without weights; expected class scores")
    if output.pools or output.pad_values is not None:
        raise node.error("the network ends in a pool or padding; expected class scores")
    layer = output.source.layer
    if isinstance(layer, BinaryConv):
        _check_full_window(output, layer, node)
    weights = layer.weights.reshape(len(layer.weights), -1)[output.order.ravel()]
    scale, offset = _affine(output, layer.fan_in, node)
    return weights, scale, offset, output.source.reads


def _check_full_window(output: Traced, layer: BinaryConv, node: Node) -> None:
    if output.shape[1:] != (1, 1) or layer.groups != 1 or any(layer.padding):
        raise node.error(
            f"the network ends in a map {list(output.shape)}; expected one score a class, from all channels and no padding"
        )


def _affine(output: Traced, fan_in: int, node: Node) -> tuple[float, float]:
    """Scale and offset of `table = (2*popcount - K) * scale + offset`, the same for all classes; exact but for float32 rounding."""
    table = output.table.astype(np.float64)
    scores = 2.0 * np.arange(fan_in + 1) - fan_in
    scale = float(table[0, -1] - table[0, 0]) / (2 * fan_in)
    offset = float(table[0, -1] + table[0, 0]) / 2
    if not scale > 0:
        raise node.error(f"expected scores that rise with the sum of the last layer, got the scale {scale:g}")
    if (np.abs(table - (scores * scale + offset)) > 1e-4 * scale + 1e-6 * np.abs(table)).any():
        raise node.error(
            "expected scores with one scale and one offset for all classes; "
            "a bias a class, or a last layer on values that are not symmetric like -1 and +1, is not supported"
        )
    if (np.diff(table, axis=1) <= 0).any():
        raise node.error("expected scores that float32 tells apart; scale them up or leave the offset out")
    return scale, offset
