"""A QONNX file run by QONNX's own executor, node by node, on images: the backend `qonnx` of the verification.

`execute_values` feeds floats and returns floats; `execute_qonnx` feeds pixels and returns what ranks.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Shape
from owlbit.export.qonnx.parse import QONNX_DOMAINS, read_model_file
from owlbit.export.qonnx.read import InputRange, ReadModel, read_model


def execute_values(path: str | Path, values: NDArray[Any], tensor: str | None = None) -> NDArray[np.float32]:
    """float32 [N, classes]: the file's output for inputs [N, ...] of the file's own input shape and type, one image at a time.

    `tensor` names another tensor to read than the output. Needs `qonnx` and `onnxruntime`; a graph whose shapes are not all
    written down is completed in memory first. Raises OwlbitError where the file cannot be read or executed.
    """
    from qonnx.core.onnx_exec import execute_onnx

    outputs = []
    try:
        model = _executable(Path(path))
        feed = model.graph.input[0].name
        wanted = tensor or model.graph.output[0].name
        for value in values:
            context: dict[str, Any] = execute_onnx(model, {feed: value[None]}, return_full_exec_context=True)
            outputs.append(np.asarray(context[wanted], np.float32).reshape(1, -1))
    except OwlbitError:
        raise
    except Exception as error:
        # The executor and the runtime under it raise plain Exceptions and private classes for a model that they cannot run.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise OwlbitError(f"{path}: QONNX's executor cannot run this file ({reason})") from error
    return np.concatenate(outputs)


class Executed(NamedTuple):
    """`values` [N, classes]: what ranks; `decisions`: whether only their largest means something, as the file has no scores."""

    values: NDArray[Any]
    decisions: bool


def execute_qonnx(path: str | Path, images: NDArray[np.uint8], input_range: InputRange | str = "auto") -> NDArray[Any]:
    """[N, classes]: what ranks of uint8 images [N, C, H, W]; the values of `execute_file`."""
    return execute_file(path, images, input_range).values


def execute_file(
    path: str | Path, images: NDArray[np.uint8], input_range: InputRange | str = "auto", image_shape: Shape | None = None
) -> Executed:
    """What ranks, of uint8 images [N, C, H, W], from the floats that QONNX's executor returns.

    These are int32 scores, or float32 where the network has factors, see `Network.ranked`; an image that the executor gives to
    another class keeps its floats, so that it is seen. Pixels enter through the network's recorded input scale (`input_range`,
    `image_shape`: see `owlbit.export.qonnx.read.read_model`). The file's factors and offsets are undone; the results must then be
    integers to a hundredth. Raises OwlbitError where they are not, or where the file cannot be read.
    """
    read = read_model(path, input_range, image_shape)
    read.network.check_images(images)
    floats = execute_values(path, read.file_inputs(images), read.scores_tensor)
    if read.boundary is not None:
        return Executed(np.concatenate([np.zeros_like(floats), np.where(floats > read.boundary, 1, -1)], axis=1), True)
    return Executed(_ranked(read, floats), False)


def _ranked(read: ReadModel, floats: NDArray[np.float32]) -> NDArray[Any]:
    network = read.network
    if floats.shape[1] != read.outputs:
        raise OwlbitError(f"{network.name}: expected {read.outputs} scores from QONNX's executor, got {floats.shape[1]}")
    if read.outputs < network.classes:
        floats = np.concatenate([np.zeros_like(floats), floats], axis=1)
    wide = floats.astype(np.float64)
    factors, offsets = network.score_factors, network.score_offsets
    if factors is not None and offsets is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            wide = np.where(factors > 0, (wide - offsets) / factors, wide - offsets)
    scores = np.rint(wide)
    if not np.abs(wide - scores).max() <= 1e-2:
        raise OwlbitError(f"{network.name}: expected scores of integers from QONNX's executor, got {floats[0]}")
    ranked = network.ranked(scores.astype(np.int32))
    other = ranked.argmax(axis=1) != floats.argmax(axis=1)
    return np.where(other[:, None], floats, ranked) if other.any() else ranked


def _executable(path: Path) -> Any:
    """A qonnx ModelWrapper with batch size 1, every shape known and QONNX's operators under their present domain."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.fold_constants import FoldConstants
    from qonnx.transformation.infer_shapes import InferShapes

    proto = read_model_file(path)
    for node in proto.graph.node:
        if node.domain in QONNX_DOMAINS:
            node.domain = QONNX_DOMAINS[0]
    _set_batch_one(proto.graph)
    model = ModelWrapper(proto)
    if not model.check_all_tensor_shapes_specified():
        with warnings.catch_warnings():
            # Folding warns about constants that it cannot fold; the executor then computes them.
            warnings.simplefilter("ignore")
            model = model.transform(InferShapes()).transform(FoldConstants()).transform(InferShapes())
    return model


def _set_batch_one(graph: onnx.GraphProto) -> None:
    """Makes a graph for any number of images, or for another fixed number, one for single images."""
    batch = graph.input[0].type.tensor_type.shape.dim[0]
    written_for = batch.dim_value
    if written_for == 1:
        return
    batch.dim_value = 1
    del graph.value_info[:]
    for output in graph.output:
        if output.type.tensor_type.shape.dim:
            output.type.tensor_type.shape.dim[0].dim_value = 1
    targets = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for tensor in graph.initializer:
        sizes = numpy_helper.to_array(tensor)
        if tensor.name in targets and written_for > 1 and sizes[0] == written_for:
            tensor.CopyFrom(numpy_helper.from_array(np.array([1, *sizes[1:]]), tensor.name))
