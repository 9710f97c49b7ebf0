"""What `make bench` runs simulators on: two networks with random integer weights, and the same networks in floating point.

The float equivalents are as quick as plain float operators can be made: bits are 0.0 and 1.0, so that padding costs nothing, a
threshold is the bias of its convolution and a clamp to 0..1, which runtimes fuse with it. They give the same integers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from owlbit import models
from owlbit.export.network import (
    BinaryConv,
    BinaryLinear,
    Bits,
    ChannelShuffle,
    Layer,
    LogicSkip,
    Network,
    OrPool,
    Scores,
    Thermometer,
)
from owlbit.models.layer_table import Conv
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.runs.untrained_network import Random, untrained_network

Floats = NDArray[np.float32]
RECIPE = Path(models.__file__).parent / "recipes" / "reference96.toml"


def reference96() -> Network:
    """The network of models/recipes/reference96.toml: 96x96 gray, 16 thresholds, 590 kbit."""
    recipe = load_recipe(RECIPE)
    return untrained_network(
        recipe.input_shape, recipe.input.thresholds, recipe.layers, recipe.data.classes, Random(0), recipe.name
    )


def cifar_sized() -> Network:
    """32x32 in colour, 8 thresholds, about 1 Mbit: the size of a network for CIFAR-10."""
    layers = (
        Conv(64, pool=2),
        Conv(128, groups=2),
        Conv(128, groups=2, shuffle=True, pool=2),
        Conv(256, groups=2, shuffle=True),
        Conv(256, groups=2, shuffle=True, pool=2),
        Conv(512, groups=4, shuffle=True),
    )
    return untrained_network((3, 32, 32), 8, layers, 10, Random(0), "cifar-sized")


def affine(weights: Bits, thresholds: NDArray[np.int32]) -> tuple[Floats, Floats]:
    """Signs [F, ...] and biases [F] with which bits 0.0 and 1.0 give `popcount - threshold + 1`: 1 or more where a filter fires."""
    zeros = (weights == 0).reshape(len(weights), -1).sum(axis=1)
    return weights.astype(np.float32) * 2 - 1, (zeros - thresholds + 1).astype(np.float32)


def score_affine(layer: Scores) -> tuple[Floats, Floats]:
    """Weights [classes, K] and biases with which bits give the scores."""
    signs, zeros = affine(layer.weights, np.ones(len(layer.weights), np.int32))
    return 2 * signs, 2 * zeros - np.float32(layer.fan_in)


def write_float_onnx(network: Network, path: Path, batch: int) -> None:
    """The network as float32 ONNX for `batch` images: Conv, Clip, MaxPool, Gather, Gemm."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    current = "image"

    def constant(name: str, array: NDArray[Any]) -> str:
        constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def add(kind: str, name: str, *inputs: str, **attributes: Any) -> None:
        nonlocal current
        nodes.append(helper.make_node(kind, [current, *inputs], [name], name, **attributes))
        current = name

    limits = constant("zero", np.array(0, np.float32)), constant("one", np.array(1, np.float32))
    for index, layer in enumerate(network.layers):
        name = f"layer{index}"
        match layer:
            case Thermometer():
                colours, levels = layer.thresholds.shape
                copies = constant(f"{name}_copies", np.ones((colours * levels, 1, 1, 1), np.float32))
                bias = constant(f"{name}_bias", (1 - layer.thresholds.reshape(-1)).astype(np.float32))
                add("Conv", name, copies, bias, group=colours)
                add("Clip", f"{name}_bits", *limits)
            case BinaryConv():
                signs, biases = affine(layer.weights, layer.thresholds)
                inputs = constant(f"{name}_weights", signs), constant(f"{name}_bias", biases)
                add("Conv", name, *inputs, group=layer.groups, pads=list(layer.padding), strides=list(layer.stride))
                add("Clip", f"{name}_bits", *limits)
            case OrPool():
                add("MaxPool", name, kernel_shape=list(layer.kernel), strides=list(layer.stride))
            case ChannelShuffle():
                add("Gather", name, constant(f"{name}_channels", layer.permutation.astype(np.int64)), axis=1)
            case LogicSkip():
                raise ValueError("expected a chain of layers, as the networks that are timed here are, got a logic skip")
            case BinaryLinear() | Scores():
                last = isinstance(layer, Scores)
                signs, biases = score_affine(layer) if isinstance(layer, Scores) else affine(layer.weights, layer.thresholds)
                add("Flatten", f"{name}_flat")
                add("Gemm", name, constant(f"{name}_weights", signs), constant(f"{name}_bias", biases), transB=1)
                if not last:
                    add("Clip", f"{name}_bits", *limits)
    graph = helper.make_graph(
        nodes,
        network.name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, (batch, *network.input_shape))],
        [helper.make_tensor_value_info(current, TensorProto.FLOAT, (batch, network.classes))],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="owlbit")
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def torch_equivalent(network: Network, dtype: str) -> Callable[[Floats], Floats]:
    """The network in PyTorch, evaluation only: float32 images [N, C, H, W] to scores. `dtype`: float32 or bfloat16."""
    import torch

    kind = getattr(torch, dtype)
    steps = [torch_step(layer, kind) for layer in network.layers]

    def run(images: Floats) -> Floats:
        with torch.inference_mode():
            x: Any = torch.from_numpy(images).to(kind)
            for step in steps:
                x = step(x)
            scores: Floats = x.float().numpy()
            return scores

    return run


def torch_step(layer: Layer, kind: Any) -> Callable[[Any], Any]:
    """One layer as a function from tensor to tensor of the torch dtype `kind`."""
    import torch
    from torch.nn import functional

    def tensors(*arrays: Floats) -> list[Any]:
        return [torch.from_numpy(np.ascontiguousarray(array)).to(kind) for array in arrays]

    def thermometer(x: Any) -> Any:
        return (x[:, :, None] + rows).flatten(1, 2).clamp_(0, 1)

    def conv(x: Any) -> Any:
        return functional.conv2d(x, signs, biases, **options).clamp_(0, 1)

    def linear(x: Any) -> Any:
        return functional.linear(x.flatten(1), signs, biases)

    match layer:
        case Thermometer():
            (rows,) = tensors((1 - layer.thresholds).astype(np.float32)[None, :, :, None, None])
            return thermometer
        case BinaryConv():
            signs, biases = tensors(*affine(layer.weights, layer.thresholds))
            options: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding[:2], "groups": layer.groups}
            return conv
        case OrPool():
            return torch.nn.MaxPool2d(layer.kernel, layer.stride)
        case ChannelShuffle():
            channels = torch.from_numpy(layer.permutation.astype(np.int64))
            return lambda x: x[:, channels]
        case LogicSkip():
            raise ValueError("expected a chain of layers, as the networks that are timed here are, got a logic skip")
        case BinaryLinear():
            signs, biases = tensors(*affine(layer.weights, layer.thresholds))
            return lambda x: linear(x).clamp_(0, 1)
        case Scores():
            signs, biases = tensors(*score_affine(layer))
            return linear
