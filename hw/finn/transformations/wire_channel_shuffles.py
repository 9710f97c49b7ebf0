"""Channel shuffle -> wiring: slices of channels that go to the groups which read them, and weights in the slices' order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation

from owlbit.hw.finn.transformations.graph import (
    attribute,
    constant_value,
    is_output,
    new_constant,
    new_node,
    new_tensor,
    replace_nodes,
    shape_of,
    sole_consumer,
)
from owlbit.hw.finn.transformations.infer_padding import spatial_padding

Order = NDArray[np.int64]
CHANNELS_STAY_LAST = ("Flatten", "Im2Col", "MaxPoolNHWC", "Reshape")  # the channel changes quickest in what they make


class WireChannelShuffles(Transformation):
    """Gather of channels, channels last, by a permutation -> Split, and a Concat a reader; nothing where one product reads it.

    A Pad of rows and columns that alone reads the Gather is taken first; the two commute. A reader that sums over its channels (a
    matrix product, also behind an Im2Col) may get them in any order: it gets those of its group in ascending order, its weights are
    reordered, and the Split cuts only where neighbours part. A shuffle between groups costs as many slices as pairs of groups then.
    Where the order must be kept, the slices are the runs of neighbours in it.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in [node for node in model.graph.node if node.op_type == "Gather"]:
            order = constant_value(model, node.input[1])
            rank = len(shape_of(model, node.input[0]))
            if order is None or order.ndim != 1 or attribute(node, "axis", 0) % rank != rank - 1:
                continue
            if np.array_equal(np.sort(order), np.arange(shape_of(model, node.input[0])[-1])):
                _pad_first(model, node)
                _wire(model, node, order.astype(np.int64))
        return model, False


def _pad_first(model: ModelWrapper, gather: NodeProto) -> None:
    """Gather, Pad -> Pad, Gather."""
    pad = sole_consumer(model, gather.output[0], "Pad")
    if pad is None or spatial_padding(model, pad) is None:
        return
    source, between, end = gather.input[0], gather.output[0], pad.output[0]
    pad.input[0], gather.input[0] = source, between
    pad.output[0], gather.output[0] = between, end
    model.set_tensor_shape(between, list(shape_of(model, end)))
    model.graph.node.remove(gather)
    model.graph.node.insert(list(model.graph.node).index(pad) + 1, gather)


def _wire(model: ModelWrapper, gather: NodeProto, order: Order) -> None:
    """Replaces `gather`, and the Split into groups that alone may read it."""
    split = sole_consumer(model, gather.output[0], "Split")
    ends, sizes = list(gather.output), [len(order)]
    if split is not None and not any(is_output(model, name) for name in split.output):
        ends, sizes = list(split.output), [shape_of(model, name)[-1] for name in split.output]
    wanted = []
    for end, part in zip(ends, np.split(order, np.cumsum(sizes)[:-1]), strict=True):
        ranks = np.argsort(part)
        free = _reorder_product(model, end, ranks)
        wanted.append(part[ranks] if free else part)
    cuts = sorted({0, len(order), *(cut for part in wanted for run in _runs(part) for cut in (int(run[0]), int(run[-1]) + 1))})
    source, shape = gather.input[0], shape_of(model, gather.input[0])[:-1]
    datatype = model.get_tensor_datatype(source)
    new, slices = [], {0: source}
    if len(cuts) > 2:
        slices = {cut: new_tensor(model, (*shape, after - cut), datatype) for cut, after in pairwise(cuts)}
        lengths = new_constant(model, np.diff(cuts).astype(np.int64))
        new.append(new_node("Split", [source, lengths], list(slices.values()), axis=-1))
    replaced = {}
    for end, part in zip(ends, wanted, strict=True):
        pieces = [slices[int(channel)] for channel in part if int(channel) in slices]
        if len(pieces) > 1 or is_output(model, end):
            new.append(new_node("Concat", pieces, [end], axis=-1))
        else:
            replaced[end] = pieces[0]
    replace_nodes(model, [gather] if ends == list(gather.output) or split is None else [gather, split], new)
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = replaced.get(name, name)


def _runs(order: Order) -> list[Order]:
    """`order` cut wherever a channel is not followed by its neighbour."""
    return np.split(order, np.flatnonzero(np.diff(order) != 1) + 1)


def _reorder_product(model: ModelWrapper, tensor: str, ranks: Order) -> bool:
    """Reorders the weights of the one product that reads `tensor` for channel ranks[i] at i; False where there is none."""
    reader = sole_consumer(model, tensor)
    while reader is not None and reader.op_type in CHANNELS_STAY_LAST and attribute(reader, "depthwise", 0) == 0:
        tensor = reader.output[0]
        reader = sole_consumer(model, tensor)
    matrix = None if reader is None or reader.op_type != "MatMul" else constant_value(model, reader.input[1])
    if reader is None or matrix is None:
        return False
    windows = matrix.reshape(-1, len(ranks), matrix.shape[-1])[:, ranks]
    reader.input[1] = new_constant(model, windows.reshape(matrix.shape), model.get_tensor_datatype(reader.input[1]))
    return True
