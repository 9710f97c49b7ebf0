"""What FINN's layers cannot take, and the sentences that say so."""

from __future__ import annotations

import re
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network, OrPool
from owlbit.export.network_cost import layer_costs
from owlbit.export.qonnx.parse import read_model_file

# FINN's layers of a matrix product, and those of padding, with their number in order.
_PRODUCT = re.compile(r"(?:MVAU|VVAU)\w*?_(\d+)")
_PADDING = re.compile(r"FMPadding(?:\w*?_(\d+))?")


def place_in_file(path: Path, reason: str) -> str:
    """Which node of the user's file `path` FINN's own words are about, in brackets; empty where they name no layer of it."""
    nodes = read_model_file(path).graph.node
    if found := _PRODUCT.search(reason):
        made = [node for node in nodes if node.op_type in ("Conv", "MatMul", "Gemm")]
        what = "product"
    elif found := _PADDING.search(reason):
        made = [node for node in nodes if node.op_type == "Pad" or any(a.name == "pads" and any(a.ints) for a in node.attribute)]
        what = "padding"
    else:
        return ""
    number = int(found[1] or 0)
    if not made:
        return ""
    if found[1] is None or number >= len(made):
        return f" (one of the file's {what} nodes: {', '.join(node.name or node.output[0] for node in made[:8])})"
    node = made[number]
    return f" ({what} {number + 1} of the file: node {node.name or node.output[0]}, {node.op_type})"


class FinnError(OwlbitError):
    """The network is outside what FINN's layers can do; the message names the layer."""


def check_network(network: Network) -> None:
    """Raises FinnError for a layer that FINN has no hardware for, whatever transformations come before."""
    for row, layer in zip(layer_costs(network), network.layers, strict=True):
        if isinstance(layer, OrPool) and (layer.kernel[0] < layer.stride[0] or layer.kernel[1] < layer.stride[1]):
            raise FinnError(
                f"finn: {row.name} pools {layer.kernel[0]}x{layer.kernel[1]} every {layer.stride[0]}x{layer.stride[1]}, which "
                "leaves positions out; FINN's pool takes windows of at least the stride"
            )
