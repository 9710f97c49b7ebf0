"""Lowering of the operators that only move values: they are applied to the tensor's indices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from owlbit.export.qonnx.graph import Array, Node
from owlbit.export.qonnx.lowering.evaluate_node import evaluate_node
from owlbit.export.qonnx.lowering.traced import Traced, padded_order, without_pads

LAYOUTS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Gather", "Slice")


def lower_layout(node: Node, inputs: list[Traced | Array | None], batch: int, opset: int) -> Traced:
    """Any of the operators above. `batch` is what the file was written for: a Reshape that names it means 1 here.

    Raises QonnxError where values are dropped or repeated.
    """
    x, *given = inputs
    arrays = [entry for entry in given if not isinstance(entry, Traced)]
    if not isinstance(x, Traced) or len(arrays) != len(given):
        raise node.error("expected a tensor and constants")
    if node.kind == "Reshape" and batch > 1 and isinstance(arrays[0], np.ndarray) and arrays[0].size and arrays[0][0] == batch:
        arrays[0] = np.concatenate([[1], arrays[0][1:]])
    order = evaluate_node(node, [padded_order(x), *arrays], opset)[0]
    if x.pad_values is not None:
        inner = without_pads(order, x)
        if inner is None:
            raise node.error("moves rows or columns of a padded map, which is not supported; pad right before the convolution")
        return replace(x, order=inner)
    if order.size != x.order.size or (np.bincount(order.ravel(), minlength=order.size) != 1).any():
        raise node.error("drops or repeats values, which is not supported; a channel shuffle keeps each once")
    return replace(x, order=order)
