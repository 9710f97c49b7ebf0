"""Pass: remove the nodes that do nothing at inference."""

from __future__ import annotations

from dataclasses import replace

from owlbit.export.qonnx.graph import Graph, Node

_IDENTITIES = ("Identity", "Dropout")


def remove_identities(graph: Graph) -> Graph:
    """The graph without Identity and Dropout nodes; who read their output reads their input."""
    renamed: dict[str, str] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = tuple(renamed.get(name, name) for name in node.inputs)
        if node.kind in _IDENTITIES:
            renamed[node.outputs[0]] = inputs[0]
        else:
            nodes.append(replace(node, inputs=inputs))
    outputs = tuple(renamed.get(name, name) for name in graph.outputs)
    return replace(graph.with_nodes(nodes), outputs=outputs)
