"""The last step: a graph of one spelling walked once from the image to the scores, constants folded on the way, layers emitted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from owlbit.export.limits import CONSTANTS_BYTES
from owlbit.export.network import Floats, Layer, Shape
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
from owlbit.export.qonnx.lowering.lookup import lower_lookup
from owlbit.export.qonnx.lowering.max_pool import lower_pool
from owlbit.export.qonnx.lowering.products import lower_conv, lower_matmul
from owlbit.export.qonnx.lowering.scores import find_scores
from owlbit.export.qonnx.lowering.traced import PixelSource, Traced, input_tensor

SUPPORTED = (
    "Conv, MatMul, Gemm, BatchNormalization, arithmetic with constants, BipolarQuant, 1-bit Quant, MultiThreshold, MaxPool, Pad, "
    "Reshape and the like, and the join of two binary maps by OR, XOR or a multiplexer"
)

_Value = Traced | Array


@dataclass(frozen=True)
class Lowered:
    """What the walk found.

    `image`: (C, H, W); `layers`: thermometer to scores; `factors`, `offsets`: float32 [classes], what ranks of a score s is
    `s * factor + offset`, as in `Network`; `notes`: what the user should be told; `pixel_tables`: for every tensor between the
    image and the thermometer the node that makes it, and float [C, 256]; `outputs`: values that the file has for an image;
    `boundary`: where that is a decision and no score, above what it says class 1.
    """

    image: Shape
    layers: tuple[Layer, ...]
    factors: Floats | None
    offsets: Floats | None
    notes: tuple[str, ...]
    pixel_tables: tuple[tuple[Node, Array], ...]
    outputs: int = 0
    boundary: float | None = None


def lower_graph(graph: Graph, image: Shape, input_values: Floats) -> Lowered:
    """The whole network. `input_values` [C, 256]: what each pixel value is in the file. Raises QonnxError outside the subset.

    `image`: the shape that the file's input is to have as an image.
    """
    building, values, tables = _walk(graph, image, input_values, until_thermometer=False)
    output = values[graph.outputs[0]]
    if not isinstance(output, Traced):
        raise QonnxError(f"output {graph.outputs[0]}: does not depend on the image")
    node = graph.producers().get(graph.outputs[0])
    if node is None:
        raise QonnxError(f"output {graph.outputs[0]}: no node makes it; expected class scores")
    last = find_scores(building, output, node, graph.ending)
    building.add(last.layer, last.reads, node)
    return Lowered(
        building.image,
        tuple(building.layers),
        last.factors,
        last.offsets,
        tuple(building.notes),
        tables,
        output.order.size,
        last.boundary,
    )


def trace_pixels(graph: Graph, image: Shape, input_values: Floats) -> Lowered:
    """Only the part before the first weights: the thermometer alone as `layers`, or none where the file has none."""
    building, _, tables = _walk(graph, image, input_values, until_thermometer=True)
    return Lowered(building.image, tuple(building.layers), None, None, (), tables)


def _walk(
    graph: Graph, image: Shape, input_values: Floats, until_thermometer: bool
) -> tuple[Building, dict[str, _Value], tuple[tuple[Node, Array], ...]]:
    values: dict[str, _Value] = dict(graph.constants)
    values[graph.input_name] = input_tensor(image, graph.input_shape, input_values)
    building = Building(image)
    tables: list[tuple[Node, Array]] = []
    readers = _count_readers(graph)
    unread = Counter(name for node in graph.nodes for name in set(node.inputs))
    folded: dict[str, int] = {}  # bytes of the constants that were computed and are still read
    for node in graph.nodes:
        missing = [name for name in node.inputs if name and name not in values]
        if missing:
            raise node.error(f"reads {missing[0]}, a second output that is not supported")
        inputs = [values[name] if name else None for name in node.inputs]
        # What nobody reads any more is let go: maps take memory.
        unread.subtract(set(node.inputs))
        for name in set(node.inputs):
            if not unread[name] and name not in graph.outputs:
                values.pop(name, None)
                folded.pop(name, None)
        if not any(isinstance(entry, Traced) for entry in inputs):
            results = evaluate_node(node, [entry for entry in inputs if not isinstance(entry, Traced)], graph.opset)
            values.update(zip(node.outputs, results, strict=False))
            folded.update((name, each.nbytes) for name, each in zip(node.outputs, results, strict=False) if unread[name])
            if sum(folded.values()) > CONSTANTS_BYTES:
                raise node.error(
                    f"expected computed constants of up to {CONSTANTS_BYTES:,} bytes at once, got {sum(folded.values()):,}; "
                    "export the model with its constants folded"
                )
            continue
        building.unread = [value for value in values.values() if isinstance(value, Traced)]
        result = _lower(node, inputs, building, graph)
        if isinstance(result, Traced) and readers.get(node.outputs[0], 0) > 1:
            result = building.share(result, node)
        values[node.outputs[0]] = result
        if isinstance(result, Traced) and isinstance(result.source, PixelSource):
            tables.append((node, result.table))
        elif until_thermometer and isinstance(result, Traced):
            break
    return building, values, tuple(tables)


def _count_readers(graph: Graph) -> Counter[str]:
    return Counter(name for node in graph.nodes if node.kind != "Shape" for name in set(node.inputs))


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
            if not isinstance(inputs[0], Traced) or len(inputs) != 1:
                raise node.error("expected one tensor")
            sizes = np.array(inputs[0].tensor_shape, np.int64)
            return sizes[slice(node.attributes.get("start", 0), node.attributes.get("end"))]
        case "Gather" if len(inputs) == 2 and isinstance(inputs[0], np.ndarray) and isinstance(inputs[1], Traced):
            return lower_lookup(node, inputs[0], inputs[1])
        case kind if kind in LAYOUTS:
            return lower_layout(node, inputs, graph.batch, graph.opset)
        case kind if kind in (*ARITHMETIC, *STEPS, *COMPARISONS):
            return lower_elementwise(building, node, inputs, graph.opset)
    raise node.error(f"this operator is not supported; supported are {SUPPORTED}")
