"""Channel shuffle, as networks are exported with it, -> one Gather of channels."""

from __future__ import annotations

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation

from owlbit.hw.finn.transformations.graph import attribute, new_constant, new_node, replace_nodes, shape_of, sole_consumer


class GatherChannelShuffle(Transformation):
    """Reshape [1, G, C/G, H, W], Transpose (0, 2, 1, 3, 4), Reshape [1, C, H, W] -> Gather of axis 1.

    Source: X. Zhang, X. Zhou, M. Lin, J. Sun: ShuffleNet, CVPR 2018, section 3.1.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for split in list(model.graph.node):
            turn = sole_consumer(model, split.output[0], "Transpose") if split.op_type == "Reshape" else None
            if turn is None or attribute(turn, "perm", None) != [0, 2, 1, 3, 4]:
                continue
            join = sole_consumer(model, turn.output[0], "Reshape")
            if join is None or shape_of(model, join.output[0]) != shape_of(model, split.input[0]):
                continue
            channels, groups = shape_of(model, split.input[0])[1], shape_of(model, split.output[0])[1]
            order = new_constant(model, np.arange(channels, dtype=np.int64).reshape(groups, -1).T.reshape(-1))
            replace_nodes(model, [split, turn, join], [new_node("Gather", [split.input[0], order], list(join.output), axis=1)])
            model.set_tensor_datatype(join.output[0], model.get_tensor_datatype(split.input[0]))
        return model, False
