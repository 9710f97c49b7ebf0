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

Array = NDArray[Any]


class QonnxError(OwlbitError):
    """A QONNX file that cannot be read, or that is outside the supported subset; the message names the node."""


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
        return f"{self.name or self.outputs[0]} ({self.kind})"

    def error(self, message: str) -> QonnxError:
        """An exception whose message starts with the node's name and type."""
        return QonnxError(f"{self.label}: {message}")


@dataclass(frozen=True)
class Graph:
    """Nodes in order of computation.

    `constants`: arrays by tensor name; `input_shape`: the file's own input shape with the batch set to 1; `batch`: the batch size
    that the file was written for (1 where it is free); `input_type`: numpy dtype of the input; `input_datatype`: QONNX's annotation
    of the input ("UINT8"), empty without one; `outputs`: names of the output tensors; `opset`: version of ONNX's operators.
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

    def with_nodes(self, nodes: list[Node]) -> Graph:
        """The same graph with other nodes."""
        return replace(self, nodes=tuple(nodes))

    def producers(self) -> dict[str, Node]:
        """The node that makes a tensor, by tensor name."""
        return {output: node for node in self.nodes for output in node.outputs}
