"""Any QONNX file within the subset to an integer `Network`: normalise first, lower then.

The steps are listed in `read_model`. What is in the subset: one chain from an image of uint8 pixels (or floats that stand for them)
over a thermometer (pixels compared with constants), convolutions and matrix products of binary data with +-1 weights, each with any
monotone float arithmetic and a two-valued quantiser behind it, maximum pools and channel shuffles, to class scores with one
positive scale. A binary map may also skip layers and be joined with a later one of its shape, by any arithmetic that comes to OR,
XOR or a choice of one of the two a channel.
Thresholds are found by evaluating the file's own float32 arithmetic for every integer that can occur, so they are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from owlbit.export.network import Network, NetworkError
from owlbit.export.qonnx.graph import Graph, QonnxError
from owlbit.export.qonnx.input_range import InputRange, choose_input_range, range_values
from owlbit.export.qonnx.lowering.lower_graph import lower_graph
from owlbit.export.qonnx.metadata import get_metadata
from owlbit.export.qonnx.parse import parse_model, read_model_file
from owlbit.export.qonnx.passes.check_attributes import check_attributes
from owlbit.export.qonnx.passes.check_constants import check_constants
from owlbit.export.qonnx.passes.drop_ending import drop_ending
from owlbit.export.qonnx.passes.remove_identities import remove_identities
from owlbit.export.qonnx.passes.split_conv_bias import split_conv_bias
from owlbit.export.qonnx.passes.split_gemm import split_gemm

__all__ = ["InputRange", "QonnxError", "ReadModel", "read_model", "read_qonnx"]

NORMALISATION: tuple[Callable[[Graph], Graph], ...] = (
    remove_identities,
    drop_ending,
    check_attributes,
    check_constants,
    split_gemm,
    split_conv_bias,
)


@dataclass(frozen=True)
class ReadModel:
    """A network, and where in the file it comes from: the input's shape (batch 1) and dtype, and the tensor of the class scores."""

    network: Network
    file_shape: tuple[int, ...]
    file_type: np.dtype[Any]
    scores_tensor: str


def read_qonnx(path: str | Path, input_range: InputRange | str = "auto") -> Network:
    """The network in the QONNX file `path`; see `read_model`."""
    return read_model(path, input_range).network


def read_model(path: str | Path, input_range: InputRange | str = "auto") -> ReadModel:
    """The network in the QONNX file `path`, and the file's own input shape and scores.

    `input_range` says what the file's input stands for; pixel value v enters the file as the float32 nearest to v * scale + offset,
    which the network records as `input_scale` and `input_offset`:
    "uint8": v itself; "unit": v / 255, in [0, 1]; "signed": v * 2 / 255 - 1, in [-1, 1]; or a pair (scale, offset).
    "auto" decides by the first of these that applies: (1) the `owlbit.input` entry of the file's metadata; (2) an input of type
    uint8, or annotated so: "uint8"; (3) arithmetic that takes one of the three ranges onto another; (4) thresholds:
    "uint8" where most thresholds lie above 1, "signed" where none does and some lie below 0. Where none applies, QonnxError asks
    for the option.

    Two-dimensional inputs [N, F] are images [F, 1, 1]. Raises QonnxError, one sentence naming the node and its type, for a file
    that is damaged or outside the subset.
    """
    path = Path(path)
    model = read_model_file(path)
    metadata = get_metadata(model)
    try:
        graph = parse_model(model)
        for step in NORMALISATION:
            graph = step(graph)
        scale, offset = choose_input_range(graph, input_range, metadata)
        lowered = lower_graph(graph, range_values(scale, offset))
        network = Network(
            lowered.image,
            lowered.layers,
            metadata.class_names,
            metadata.name or path.stem,
            scale,
            offset,
            lowered.score_scale,
            lowered.score_offset,
        )
    except (QonnxError, NetworkError) as error:
        raise QonnxError(f"{path}: {error}") from None
    except MemoryError:
        raise QonnxError(f"{path}: its tensors do not fit into memory; the file is damaged, or its images are too large") from None
    return ReadModel(network, graph.input_shape, graph.input_type, graph.outputs[0])
