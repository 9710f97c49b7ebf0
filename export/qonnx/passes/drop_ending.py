"""Pass: end the graph at the scores, before a TopK, ArgMax or Softmax, and drop what then leads nowhere.

None of them changes which class is largest: TopK and ArgMax take the first of equal scores, as a `Network` does, and the others
rise with the score.
"""

from __future__ import annotations

from dataclasses import replace

from owlbit.export.qonnx.graph import Graph, Node, QonnxError

_ENDINGS = ("TopK", "ArgMax", "Softmax", "LogSoftmax", "Sigmoid", "Softplus")
# What may stand after an ending without changing the answer.
_PASSIVE = ("Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze")


def drop_ending(graph: Graph) -> Graph:
    """The graph with one output, the scores. Raises QonnxError where the file's outputs come from different nodes, or from none."""
    producers = graph.producers()
    ends = {producers[name].outputs if name in producers else (name,) for name in graph.outputs}
    if len(ends) != 1:
        raise QonnxError(f"expected one output, the class scores, got {list(graph.outputs)}")
    name = graph.outputs[0]
    if name not in producers:
        raise QonnxError(f"output {name}: no node makes it; expected class scores")
    last: Node | None = producers[name]
    ending: list[str] = []
    while last is not None and last.kind in (*_ENDINGS, *_PASSIVE):
        if last.kind in _ENDINGS:
            name = last.inputs[0]
            ending.append(last.kind)
            _check_ending(last)
        last = producers.get(last.inputs[0])
    return _drop_unused(replace(graph, outputs=(name,), ending=tuple(ending)))


def _check_ending(node: Node) -> None:
    if not node.attributes.get("largest", 1) or node.attributes.get("select_last_index", 0):
        raise node.error("expected the first of the largest scores; export the model without it")


def _drop_unused(graph: Graph) -> Graph:
    needed = set(graph.outputs)
    nodes: list[Node] = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            nodes.append(node)
            needed.update(node.inputs)
    return graph.with_nodes(nodes[::-1])
