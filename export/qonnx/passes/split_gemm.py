"""Pass: write every Gemm as Transpose, MatMul, Mul and Add, as far as it needs them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from owlbit.export.qonnx.graph import SUMMED, Array, Graph, Node


def split_gemm(graph: Graph) -> Graph:
    """The graph without Gemm: `alpha * x @ B + beta * C` in separate nodes, the last of which keeps the Gemm's output name."""
    nodes: list[Node] = []
    constants = dict(graph.constants)
    for node in graph.nodes:
        if node.kind == "Gemm":
            nodes.extend(_split(node, constants))
        else:
            nodes.append(node)
    return replace(graph.with_nodes(nodes), constants=constants)


def _split(node: Node, constants: dict[str, Array]) -> list[Node]:
    if node.attributes.get("transA", 0):
        raise node.error("a transposed input is not supported; transpose the weights instead")
    if len(node.inputs) < 2:
        raise node.error("expected a tensor and weights")
    alpha, beta = node.attributes.get("alpha", 1.0), node.attributes.get("beta", 1.0)
    nodes: list[Node] = []

    def add(kind: str, inputs: tuple[str, ...], suffix: str, **attributes: object) -> str:
        output = f"{node.outputs[0]}/{suffix}"
        nodes.append(Node(node.name, kind, inputs, (output,), dict(attributes)))
        return output

    def scaled(name: str, factor: float, suffix: str) -> str:
        if factor == 1.0:
            return name
        constants[f"{node.outputs[0]}/{suffix}_factor"] = np.array(factor, np.float32)
        return add("Mul", (name, f"{node.outputs[0]}/{suffix}_factor"), suffix)

    data, weights = node.inputs[:2]
    if node.attributes.get("transB", 0):
        weights = add("Transpose", (weights,), "weights", perm=[1, 0])
    current = scaled(add("MatMul", (data, weights), "product"), alpha, "alpha")
    if len(node.inputs) > 2 and node.inputs[2]:
        current = add("Add", (current, scaled(node.inputs[2], beta, "beta")), "sum", **{SUMMED: node.kind})
    nodes[-1] = replace(nodes[-1], outputs=node.outputs)
    return nodes
