"""A QONNX file run by QONNX's own executor, node by node, on images: the backend `qonnx` of the verification.

`execute_values` feeds floats and returns floats; `execute_qonnx` feeds pixels and returns integer scores.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints
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


def execute_qonnx(path: str | Path, images: NDArray[np.uint8], input_range: InputRange | str = "auto") -> Ints:
    """int32 [N, classes]: the integer scores of uint8 images [N, C, H, W], from the floats that QONNX's executor returns.

    Pixels enter through the network's recorded input scale (`input_range`: see `owlbit.export.qonnx.read.read_model`). Where the
    file ends in an affine map the recorded score scale is undone; the result must then be an integer to a thousandth. Raises
    OwlbitError where it is not, or where the file cannot be read.
    """
    read = read_model(path, input_range)
    read.network.check_images(images)
    values = read.network.input_values()[images].reshape(len(images), *read.file_shape[1:]).astype(read.file_type)
    return _integers(read, execute_values(path, values, read.scores_tensor))


def _integers(read: ReadModel, floats: NDArray[np.float32]) -> Ints:
    network = read.network
    exact = (floats.astype(np.float64) - network.score_offset) / network.score_scale
    scores = np.rint(exact)
    if floats.shape[1] != network.classes or np.abs(exact - scores).max() > 1e-3:
        raise OwlbitError(
            f"{network.name}: expected integer scores of {network.classes} classes from QONNX's executor, got {floats[0]}"
        )
    return scores.astype(np.int32)


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
