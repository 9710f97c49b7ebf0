"""Pass: refuse a file with NaN in it, or with infinite weights.

A comparison with NaN is merely false, so without this pass a network would be made of it.
"""

from __future__ import annotations

import numpy as np

from owlbit.export.qonnx.graph import Graph

# Clip, MultiThreshold and padding may use infinity as "no limit".
_MAY_BE_INFINITE = ("Clip", "MultiThreshold", "Pad", "Max", "Min", "Where")


def check_constants(graph: Graph) -> Graph:
    """The graph as it is. Raises QonnxError naming the node that reads NaN, or infinity where a number is needed."""
    for node in graph.nodes:
        for name in node.inputs:
            array = graph.constants.get(name)
            if array is None or array.dtype.kind != "f":
                continue
            if np.isnan(array).any():
                raise node.error(f"its parameter {name} holds NaN; the training diverged, train again with a lower rate")
            if np.isinf(array).any() and node.kind not in _MAY_BE_INFINITE:
                raise node.error(f"its parameter {name} holds infinity; expected finite weights")
    return graph
