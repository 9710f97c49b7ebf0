"""Any QONNX file within the subset to an integer `Network`: normalise first, lower then.

The steps are listed in `read_model`. What is in the subset: one chain from an image of uint8 pixels (or floats that stand for them)
over a thermometer (pixels compared with constants), convolutions and matrix products of binary data with +-1 weights, each with any
monotone float arithmetic and a two-valued quantiser behind it, maximum pools and channel shuffles, to class scores with a factor
and an offset each. A binary map may also skip layers and be joined with a later one of its shape, by any arithmetic that comes to
OR, XOR or a choice of one of the two per channel.
Thresholds are found by evaluating the file's own float32 arithmetic for every integer that can occur, so they are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from owlbit.export.guard import reading
from owlbit.export.network import Network, NetworkError, Shape, range_values
from owlbit.export.qonnx.graph import Graph, QonnxError
from owlbit.export.qonnx.image_layout import image_layouts
from owlbit.export.qonnx.input_range import InputRange, choose_input_range
from owlbit.export.qonnx.lowering.lower_graph import lower_graph
from owlbit.export.qonnx.metadata import Metadata, get_metadata
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
    """A network, and where in the file it comes from: the input's shape (batch 1) and dtype, and the tensor of the class scores.

    `outputs`: how many values the file has for an image, 1 for a network of two classes with one output; `boundary`: where that is
    a decision and no score, above what it says class 1.
    """

    network: Network
    file_shape: tuple[int, ...]
    file_type: np.dtype[Any]
    scores_tensor: str
    outputs: int
    boundary: float | None

    def file_inputs(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """[N, ...] of the file's own input type and axes: what uint8 images [N, C, H, W] are in the file."""
        values = self.network.input_floats(images)
        if len(self.file_shape) == 4 and self.file_shape[1:] != self.network.input_shape:
            values = values.transpose(0, 2, 3, 1)
        return values.reshape(len(images), *self.file_shape[1:]).astype(self.file_type)


def read_qonnx(path: str | Path, input_range: InputRange | str = "auto", image_shape: Shape | None = None) -> Network:
    """The network in the QONNX file `path`; see `read_model`."""
    return read_model(path, input_range, image_shape).network


def read_model(path: str | Path, input_range: InputRange | str = "auto", image_shape: Shape | None = None) -> ReadModel:
    """The network in the QONNX file `path`, and the file's own input shape and scores.

    `input_range` says what the file's input stands for; pixel value v enters the file as the float32 nearest to v * scale + offset,
    which the network records as `input_scale` and `input_offset`:
    "uint8": v itself; "unit": v / 255, in [0, 1]; "signed": v * 2 / 255 - 1, in [-1, 1]; or a pair (scale, offset), of numbers or
    of tuples of one number per colour.
    "auto" decides by the first of these that applies: (1) the `owlbit.input` entry of the file's metadata; (2) an input of type
    uint8, or annotated so: "uint8"; (3) arithmetic that takes one of the three ranges onto another; (4) thresholds: "uint8" where
    most lie above 7, which no normalised image reaches. (3) and (4) are guesses, which the network's notes tell. Where none
    applies, QonnxError asks for the range.

    An input [N, H, W, C], as Keras has them, is told by the transposition that follows, or by 1, 3 or 4 channels at its end.
    Two-dimensional inputs [N, F] are images [F, 1, 1], or [C, H, W] of `image_shape`. Raises QonnxError, one sentence naming the
    node and its type, for a file that is damaged or outside the subset.
    """
    path = Path(path)
    with reading(f"{path}: expected a QONNX file, but this one is damaged or outside the subset", QonnxError):
        model = read_model_file(path)
        try:
            return _read(model, get_metadata(model), path.stem, input_range, image_shape)
        except (QonnxError, NetworkError) as error:
            raise QonnxError(f"{path}: {error}") from None
        except MemoryError:
            raise QonnxError(
                f"{path}: its tensors do not fit into memory; the file is damaged, or its images are too large"
            ) from None


def _read(
    model: onnx.ModelProto, metadata: Metadata, name: str, input_range: InputRange | str, image_shape: Shape | None
) -> ReadModel:
    graph = parse_model(model)
    for step in NORMALISATION:
        graph = step(graph)
    refusal: QonnxError | None = None
    for image in image_layouts(graph, image_shape or metadata.input_shape, given=image_shape is not None):
        try:
            chosen = choose_input_range(graph, image, input_range, metadata)
            lowered = lower_graph(graph, image, range_values(chosen.scale, chosen.offset, image[0]))
        except QonnxError as error:
            refusal = refusal or error
            continue
        names = metadata.class_names
        if lowered.outputs == 1 and len(names) == 1:
            names = (f"not {names[0]}", names[0])
        network = Network(
            lowered.image,
            lowered.layers,
            names,
            metadata.name or name,
            chosen.scale,
            chosen.offset,
            lowered.factors,
            lowered.offsets,
            (*([chosen.because] if chosen.because else []), *lowered.notes),
        )
        return ReadModel(network, graph.input_shape, graph.input_type, graph.outputs[0], lowered.outputs, lowered.boundary)
    assert refusal is not None
    raise refusal
