"""The graph that the passes work on: ONNX's own, without protobuf, subgraphs, and all but one input and one output.

A pass is a pure function from graph to graph. It leaves the names of tensors that it keeps, so that any of them can be looked up in
the file again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.guard import one_line

Array = NDArray[Any]

# Attribute of an Add that was the bias of a product, the product's operator: the executor may add it before the last products.
SUMMED = "owlbit.summed"


# Inputs that ONNX calls optional, by their place: only these may be left out by an empty name.
OPTIONAL: dict[str, tuple[int, ...]] = {
    "Clip": (1, 2),
    "Squeeze": (1,),
    "Unsqueeze": (1,),
    "Slice": (1, 2, 3, 4),
    "ReduceSum": (1,),
    "ReduceMean": (1,),
    "ReduceMax": (1,),
    "ReduceMin": (1,),
    "Conv": (2,),
    "Gemm": (2,),
    "Pad": (2, 3),
    "Dropout": (1, 2),
}


class QonnxError(OwlbitError):
    """A QONNX file that cannot be read, or that is outside the supported subset; the message names the node.

    Names come from the file, so the message is put on one line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message, 1000))


@dataclass(frozen=True)
class Node:
    """One operator. `kind` is ONNX's op_type; an omitted optional input is an empty name."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    @property
    def label(self) -> str:
        """How messages name the node."""
        return one_line(f"{self.name or self.outputs[0]} ({self.kind})", 120)

    def error(self, message: str) -> QonnxError:
        """An exception whose message starts with the node's name and type."""
        return QonnxError(f"{self.label}: {message}")


@dataclass(frozen=True)
class Graph:
    """Nodes in order of computation.

    `constants`: arrays by tensor name; `input_shape`: the file's own input shape with the batch set to 1; `batch`: the batch size
    that the file was written for (1 where it is free); `input_type`: numpy dtype of the input; `input_datatype`: QONNX's annotation
    of the input ("UINT8"), empty without one; `outputs`: names of the output tensors; `opset`: version of ONNX's operators;
    `ending`: operators behind the outputs that were left out, as they do not change which class is largest.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, Array]
    input_name: str
    input_shape: tuple[int, ...]
    batch: int
    input_type: np.dtype[Any]
    input_datatype: str
    outputs: tuple[str, ...]
    opset: int
    ending: tuple[str, ...] = ()

    def with_nodes(self, nodes: list[Node]) -> Graph:
        """The same graph with other nodes."""
        return replace(self, nodes=tuple(nodes))

    def producers(self) -> dict[str, Node]:
        """The node that makes a tensor, by tensor name."""
        return {output: node for node in self.nodes for output in node.outputs}
