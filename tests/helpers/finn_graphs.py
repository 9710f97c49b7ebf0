"""Small FINN hardware graphs made node by node, so that folding and estimates are tested without a build."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

HLS, RTL = "finn.custom_op.fpgadataflow.hls", "finn.custom_op.fpgadataflow.rtl"
BITS = {"inputDataType": "BINARY", "outputDataType": "BINARY"}


def pooled_network() -> ModelWrapper:
    """A binary 3x3 convolution of 8 to 16 channels on 10x10, 2x2 pooling, and 10 scores of 256 bits."""
    convolution = {"IFMChannels": 8, "IFMDim": [10, 10], "OFMDim": [8, 8], "ConvKernelDim": [3, 3], "Stride": [1, 1]}
    pool = {"IFMChannels": 16, "IFMDim": [8, 8], "OFMDim": [4, 4], "ConvKernelDim": [2, 2], "Stride": [2, 2], "depthwise": 1}
    pooling = {"Channels": 16, "PE": 1, "KernelSize": [2, 2], "Function": "MaxPool", "OutImgDims": [4, 4], "BatchSize": 1}
    pooling |= {"InputDataType": "BINARY", "OutputDataType": "BINARY"}
    nodes = [
        _window("ConvolutionInputGenerator_rtl_0", "pixels", "window", convolution),
        _matrix("MVAU_hls_0", ["window", "w0", "t0"], "map", 72, 16, [1, 8, 8]),
        _window("ConvolutionInputGenerator_rtl_1", "map", "pools", pool),
        _node("Pool_hls", "Pool_hls_0", ["pools"], "pooled", **pooling),
        _matrix("MVAU_hls_1", ["pooled", "w1"], "scores", 256, 10, [1]),
    ]
    shapes = {
        "pixels": (1, 10, 10, 8),
        "window": (1, 8, 8, 72),
        "map": (1, 8, 8, 16),
        "pools": (1, 4, 4, 64),
        "pooled": (1, 4, 4, 16),
        "scores": (1, 10),
    }
    weights = {"w0": (72, 16), "w1": (256, 10), "t0": (16, 1)}
    return _model(nodes, shapes, weights, {"scores": "UINT16", "t0": "UINT7"})


def _node(op_type: str, name: str, inputs: list[str], output: str, **attributes: Any) -> dict[str, Any]:
    return {"op_type": op_type, "name": name, "inputs": inputs, "outputs": [output], **attributes}


def _window(name: str, source: str, output: str, attributes: dict[str, Any]) -> dict[str, Any]:
    common = {"SIMD": 1, "Dilation": [1, 1], "ram_style": "distributed", **BITS}
    return _node("ConvolutionInputGenerator_rtl", name, [source], output, **common, **attributes)


def _matrix(name: str, inputs: list[str], output: str, length: int, rows: int, vectors: list[int]) -> dict[str, Any]:
    thresholds = len(inputs) == 3
    types = {"inputDataType": "BINARY", "weightDataType": "BINARY", "accDataType": "UINT7" if thresholds else "UINT16"}
    types["outputDataType"] = "BINARY" if thresholds else "UINT16"
    folding = {"PE": 1, "SIMD": 1, "MW": length, "MH": rows, "numInputVectors": vectors, "binaryXnorMode": 1}
    return _node("MVAU_hls", name, inputs, output, noActivation=int(not thresholds), **types, **folding)


def _model(
    nodes: list[dict[str, Any]],
    shapes: Mapping[str, tuple[int, ...]],
    weights: Mapping[str, tuple[int, ...]],
    datatypes: Mapping[str, str],
) -> ModelWrapper:
    made = []
    for node in nodes:
        known = ("op_type", "name", "inputs", "outputs")
        attributes = {key: value for key, value in node.items() if key not in known}
        domain = RTL if node["op_type"].endswith("_rtl") else HLS
        made.append(
            helper.make_node(
                node["op_type"], node["inputs"], node["outputs"], node["name"], domain=domain, backend="fpgadataflow", **attributes
            )
        )
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    graph = helper.make_graph(made, "graph", infos[:1], infos[-1:], value_info=infos[1:-1])
    model = ModelWrapper(qonnx_make_model(graph))
    for name in shapes:
        model.set_tensor_datatype(name, DataType[datatypes.get(name, "BINARY")])
    for name, shape in weights.items():
        model.set_initializer(name, np.zeros(shape, np.float32))
        model.set_tensor_datatype(name, DataType[datatypes.get(name, "BINARY")])
    return model
