"""A FINN graph, as any step of a build left it, executed by FINN in Python: uint8 images in, the network's integer scores out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints
from owlbit.hw.finn.build_folder import PARENT, BuildFolder
from owlbit.hw.finn.subject import Subject
from owlbit.hw.finn.tools import finn_environment, sources_folder

Values = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class ExecutionError(OwlbitError):
    """FINN cannot execute a graph, or the result is no scores; the message names the step."""


def execute_step(build: BuildFolder, step: str, subject: Subject, images: NDArray[np.uint8]) -> Ints:
    """int32 [N, classes]: the scores of uint8 images [N, C, H, W] by the graph that `step` left in `build`; see `step_runner`."""
    subject.check_images(images)
    return step_runner(build, step, subject)(images)


def step_runner(build: BuildFolder, step: str, subject: Subject) -> Callable[[NDArray[np.uint8]], Ints]:
    """A function from uint8 images [N, C, H, W] to int32 [N, classes]: the graph that `step` left in `build`, read once.

    From the dataflow partition on, the step's graph runs inside the parent graph, which holds what the host does. Layers that are
    HLS or RTL already run as the abstract layers that they were made from, with the same folding and datatypes. Raises ToolMissing
    without FINN, OwlbitError for a step that was not reached; the function raises ExecutionError.
    """
    path, sources = build.model_after(step), sources_folder(build.sources)
    with finn_environment(sources, None), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = _whole(path) if not build.is_partitioned(step) else _partition(build.models / PARENT, path)

    def run(images: NDArray[np.uint8]) -> Ints:
        with finn_environment(sources, None), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = [values(image[None].astype(np.float32)).reshape(-1) for image in images]
            except Exception as error:
                # FINN and the runtime under it raise plain Exceptions, assertions and private classes.
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise ExecutionError(f"{step}: expected a graph that FINN can execute; it says: {reason}") from error
        return _integers(subject, step, np.stack(found))

    return run


def _integers(subject: Subject, step: str, found: NDArray[np.float32]) -> Ints:
    whole = np.rint(found)
    if found.shape[1] != subject.classes or not np.array_equal(whole, found):
        raise ExecutionError(f"{step}: expected integer scores of {subject.classes} classes, got {found[0]}")
    return whole.astype(np.int32)


def _whole(path: Path) -> Values:
    from finn.core.onnx_exec import execute_onnx
    from qonnx.core.modelwrapper import ModelWrapper

    model = ModelWrapper(str(path))
    feed, result = model.graph.input[0].name, model.graph.output[0].name

    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        given = image.reshape(model.get_tensor_shape(feed))
        return np.asarray(execute_onnx(model, {feed: given})[result])

    return run


def _partition(parent_path: Path, path: Path) -> Values:
    """The parent graph up to its partition, the partition's graph, and the rest of the parent."""
    from finn.core.onnx_exec import execute_onnx
    from finn.util.verification import despecialize_model
    from qonnx.core.modelwrapper import ModelWrapper

    parent, child = ModelWrapper(str(parent_path)), despecialize_model(ModelWrapper(str(path)))
    nodes = list(parent.graph.node)
    place = next(index for index, node in enumerate(nodes) if node.op_type == "StreamingDataflowPartition")
    feed, result = parent.graph.input[0].name, parent.graph.output[0].name
    entry, end = child.graph.input[0].name, child.graph.output[0].name

    def part(known: dict[str, Any], first: int, last: int, wanted: str) -> Any:
        if first > last:
            return known[wanted]
        done = execute_onnx(parent, known, return_full_exec_context=True, start_node=nodes[first], end_node=nodes[last])
        return done[wanted]

    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        before = part({feed: image.reshape(parent.get_tensor_shape(feed))}, 0, place - 1, nodes[place].input[0])
        made = execute_onnx(child, {entry: np.ascontiguousarray(before)})[end]
        shaped = np.asarray(made).reshape(parent.get_tensor_shape(nodes[place].output[0]))
        return np.asarray(part({nodes[place].output[0]: shaped}, place + 1, len(nodes) - 1, result))

    return run
