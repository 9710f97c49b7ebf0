"""Padding by -1, which is bit 0 -> FINN's padding layer."""

from __future__ import annotations

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation

from owlbit.hw.finn.transformations.graph import FINN_DOMAIN, attribute, constant_value, new_node, replace_nodes, shape_of


class InferPadding(Transformation):
    """Pad of rows and columns by 0, channels last -> FMPadding.

    A Pad by -1 has become one by 0 in `ConvertBipolarToXnor`. FINN's own conversions read the padding of an Im2Col, a layer for
    each group of a convolution, or a Pad as operator set 18 writes it; one Pad in front of all groups costs one layer.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in list(model.graph.node):
            amounts = spatial_padding(model, node)
            if amounts is not None and padding_value(model, node) == 0 and model.get_tensor_datatype(node.input[0]).is_integer():
                replace_nodes(model, [node], [_layer(model, node, amounts)])
        return model, False


def spatial_padding(model: ModelWrapper, node: NodeProto) -> list[int] | None:
    """[top, left, bottom, right] of a constant Pad of rows and columns of a tensor with channels last; None for any other node."""
    amounts = constant_value(model, node.input[1]) if node.op_type == "Pad" and len(node.input) == 3 else None
    if amounts is None or amounts.size != 8 or attribute(node, "mode", "constant") != "constant" or min(amounts) < 0:
        return None
    first, top, left, channels, last, bottom, right, end = (int(amount) for amount in amounts)
    return None if first or channels or last or end else [top, left, bottom, right]


def padding_value(model: ModelWrapper, node: NodeProto) -> float | None:
    """What a Pad pads with, None where that is no constant."""
    value = constant_value(model, node.input[2])
    return None if value is None else float(value.item())


def _layer(model: ModelWrapper, node: NodeProto, amounts: list[int]) -> NodeProto:
    _, height, width, channels = shape_of(model, node.input[0])
    bits = model.get_tensor_datatype(node.input[0]).name
    options = {"ImgDim": [height, width], "Padding": amounts, "NumChannels": channels, "SIMD": channels, "inputDataType": bits}
    return new_node("FMPadding", [node.input[0]], list(node.output), domain=FINN_DOMAIN, backend="fpgadataflow", **options)
