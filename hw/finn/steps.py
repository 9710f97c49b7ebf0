"""The steps of a FINN build, in order: FINN's own where they are right for binary networks, ours in place of those that are not.

Everything here that names `finn` is the interface of finn-plus 1.6.1. With AMD's FINN the transformations of
`owlbit.hw.finn.transformations` are the same; what is a package `convert_to_hw` here is one module there, `convert_to_hw_layers`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from onnx import NodeProto
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation
from qonnx.transformation.general import GiveReadableTensorNames, GiveUniqueNodeNames, RemoveUnusedTensors, SortGraph
from qonnx.transformation.infer_data_layouts import InferDataLayouts
from qonnx.transformation.infer_shapes import InferShapes

from owlbit.hw.finn.folding.choose_folding import step_owlbit_fold
from owlbit.hw.finn.transformations.convert_bipolar_to_xnor import ConvertBipolarToXnor
from owlbit.hw.finn.transformations.gather_channel_shuffle import GatherChannelShuffle
from owlbit.hw.finn.transformations.graph import constant_value
from owlbit.hw.finn.transformations.infer_logic_gates import InferLogicGates
from owlbit.hw.finn.transformations.infer_padding import InferPadding
from owlbit.hw.finn.transformations.lower_grouped_convs import LowerGroupedConvs
from owlbit.hw.finn.transformations.lower_thermometer import LowerThermometer
from owlbit.hw.finn.transformations.move_channels_last import MoveChannelsLast
from owlbit.hw.finn.transformations.set_exact_widths import SetExactWidths
from owlbit.hw.finn.transformations.wire_channel_shuffles import WireChannelShuffles

Step = Callable[[ModelWrapper, Any], ModelWrapper]

LOWERING: tuple[type[Transformation], ...] = (
    GatherChannelShuffle,
    LowerThermometer,
    LowerGroupedConvs,
    MoveChannelsLast,
    WireChannelShuffles,
)


def step_owlbit_absorb_scales(model: ModelWrapper, cfg: Any) -> ModelWrapper:
    """Normalisation and scales of a given file into thresholds; a network of ours has none."""
    from finn.transformation.streamline import Streamline
    from finn.transformation.streamline.absorb import AbsorbScalarBiasIntoMultiThreshold

    model.set_tensor_datatype(model.graph.input[0].name, DataType["UINT8"])
    if not any(_is_scale(model, node) for node in model.graph.node):
        return model
    return _apply(model, AbsorbScalarBiasIntoMultiThreshold(), Streamline())


def _is_scale(model: ModelWrapper, node: NodeProto) -> bool:
    constant = any(constant_value(model, name) is not None for name in node.input)
    return constant and node.op_type in ("Add", "BatchNormalization", "Div", "Mul", "Sub")


def step_owlbit_lower(model: ModelWrapper, cfg: Any) -> ModelWrapper:
    """Layers of a binary network to what FINN has layers for; numbers are still -1 and +1."""
    return _apply(model, *(transformation() for transformation in LOWERING))


def step_owlbit_streamline(model: ModelWrapper, cfg: Any) -> ModelWrapper:
    """Bits of 0 and 1, popcounts, and integer thresholds."""
    return _apply(model, ConvertBipolarToXnor())


def step_owlbit_convert_to_hw(model: ModelWrapper, cfg: Any) -> ModelWrapper:
    """Hardware layers of FINN for all but what the host does: the first transpose, and 2p - K of the popcounts p at the end."""
    from finn.transformation.fpgadataflow.convert_to_hw.binary_matrix_vector_activation import InferBinaryMatrixVectorActivation
    from finn.transformation.fpgadataflow.convert_to_hw.concat import InferConcatLayer
    from finn.transformation.fpgadataflow.convert_to_hw.conv_inp_gen import InferConvInpGen
    from finn.transformation.fpgadataflow.convert_to_hw.duplicate_streams import InferDuplicateStreamsLayer
    from finn.transformation.fpgadataflow.convert_to_hw.pool import InferPool
    from finn.transformation.fpgadataflow.convert_to_hw.quantized_matrix_vector_activation import (
        InferQuantizedMatrixVectorActivation,
    )
    from finn.transformation.fpgadataflow.convert_to_hw.reshape import InferReshape
    from finn.transformation.fpgadataflow.convert_to_hw.split import InferSplitLayer
    from finn.transformation.fpgadataflow.convert_to_hw.thresholding import InferThresholdingLayer
    from finn.transformation.move_reshape import RemoveCNVtoFCFlatten

    return _apply(
        model,
        InferBinaryMatrixVectorActivation(),
        InferQuantizedMatrixVectorActivation(),
        InferThresholdingLayer(),  # of 8-bit pixels; the others are in the layers in front of them
        InferPool(),
        InferPadding(),
        InferConvInpGen(),
        InferLogicGates(),
        InferConcatLayer(),
        InferSplitLayer(),
        RemoveCNVtoFCFlatten(),
        InferReshape(),  # between a linear layer and a convolution; finn-plus alone has it
        InferDuplicateStreamsLayer(),
    )


def step_owlbit_set_widths(model: ModelWrapper, cfg: Any) -> ModelWrapper:
    """Widths of accumulators and thresholds; FINN's own step of this name is wrong for XNOR layers."""
    return _apply(model, SetExactWidths())


OWN: dict[str, Step] = {
    step.__name__: step
    for step in (
        step_owlbit_absorb_scales,
        step_owlbit_lower,
        step_owlbit_streamline,
        step_owlbit_convert_to_hw,
        step_owlbit_set_widths,
        step_owlbit_fold,
    )
}


def find_step(name: str, cfg: Any) -> Step:
    """The function of a step of `owlbit.hw.finn.step_names`: ours, or finn.builder's. `cfg`: FINN's DataflowBuildConfig."""
    from finn.builder.build_dataflow import resolve_build_steps

    steps: list[Step] = resolve_build_steps(cfg, partial=False, list_as_input=[OWN.get(name, name)])
    return steps[0]


def _apply(model: ModelWrapper, *transformations: Transformation) -> ModelWrapper:
    for transformation in transformations:
        model = model.transform(transformation)
    for tidying in (
        SortGraph(),
        InferShapes(),
        RemoveUnusedTensors(),
        InferDataLayouts(),
        GiveUniqueNodeNames(),
        GiveReadableTensorNames(),
    ):
        model = model.transform(tidying)
    return model
