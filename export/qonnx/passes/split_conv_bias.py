"""Pass: write a convolution's bias as an Add behind it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from owlbit.export.qonnx.graph import SUMMED, Graph, Node


def split_conv_bias(graph: Graph) -> Graph:
    """The graph without convolution biases; the Add keeps the convolution's output name."""
    nodes: list[Node] = []
    constants = dict(graph.constants)
    for node in graph.nodes:
        if node.kind != "Conv" or len(node.inputs) < 3 or not node.inputs[2]:
            nodes.append(node)
            continue
        inner = tuple(f"{node.outputs[0]}/{part}" for part in ("product", "bias", "bias_shape"))
        constants[inner[2]] = np.array([1, -1, 1, 1], np.int64)
        nodes.append(replace(node, inputs=node.inputs[:2], outputs=(inner[0],)))
        nodes.append(Node(node.name, "Reshape", (node.inputs[2], inner[2]), (inner[1],), {}))
        nodes.append(Node(node.name, "Add", (inner[0], inner[1]), node.outputs, {SUMMED: node.kind}))
    return replace(graph.with_nodes(nodes), constants=constants)
