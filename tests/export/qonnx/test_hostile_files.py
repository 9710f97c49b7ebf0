"""Files that are meant to hurt: one sentence, in little time and memory, and never another exception or a wrong network."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from owlbit.export.qonnx.read import QonnxError, read_qonnx
from qonnx_builder import Builder


def refused(path: Path, match: str) -> None:
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(QonnxError, match=match) as error:
        read_qonnx(path, "uint8")
    assert "\n" not in str(error.value) and str(error.value).isprintable() and len(str(error.value)) < 1100
    assert time.process_time() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


def behind(kind: str, *more: Any, **attributes: Any) -> Callable[[Builder], str]:
    """An operator behind the thermometer's bits."""
    return lambda b: b.add(kind, b.thermometer(), *more, **attributes)


def constant(kind: str, *inputs: Any, **attributes: Any) -> Callable[[Builder], str]:
    """Bits times something that is computed of constants."""
    return lambda b: b.add("Mul", b.thermometer(), b.add(kind, *inputs, **attributes))


def many_constants(b: Builder) -> str:
    """Forty of 240 MB each, all of which are read at the end."""
    size = b.constant([60_000_000], np.int64)
    made = [b.add("Expand", 1.0, size) for _ in range(40)]
    return b.add("Mul", b.thermometer(), b.add("ReduceMax", b.add("Max", *made), keepdims=0))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (behind("Max", ""), r"Max_2 \(Max\): its input 1 is left out, which is not optional"),
        (behind("Min", "", ""), r"Min_2 \(Min\): its input 1 is left out"),
        (lambda b: b.add("MaxPool", "", b.thermometer(), kernel_shape=[1, 1]), r"MaxPool_2 \(MaxPool\): its input 0 is left out"),
        (lambda b: b.add("Where", b.thermometer(), "", b.thermometer()), r"Where_4 \(Where\): its input 1 is left out"),
        (behind("Quant", 1.0, 0.0, 5000.0, signed=1), r"Quant_2 \(Quant\): expected a bit width of 1 to 32, got 5000"),
        (behind("Quant", 1.0, 0.0, 1.5, signed=1), r"expected a bit width of 1 to 32, got 1.5"),
        (constant("ConstantOfShape", np.array([2.0**31])), "got the shape"),
        (lambda b: b.add("Mul", b.thermometer(), b.add("Expand", 1.0, b.constant([65536, 65536], np.int64))), "expected an array"),
        (
            lambda b: b.add("Mul", b.thermometer(), b.add("Tile", [1.0], b.constant([2**40], np.int64))),
            "expected an array of up to",
        ),
        (lambda b: b.add("Mul", b.thermometer(), b.add("Range", 0.0, 1e12, 1.0)), "expected an array of up to"),
        (lambda b: b.add("Add", b.thermometer(), b.add("Add", np.zeros((70000, 1)), np.zeros((1, 70000)))), "expected an array of"),
        (many_constants, "expected computed constants of up to 402,653,184 bytes at once, got 480,000,000"),
        (behind("Expand", 4.0), r"Expand_2 \(Expand\): this operator is not supported"),
        (constant("Loop", 1.0, 1.0, body=helper.make_graph([], "body", [], [])), r"Loop_2 \(Loop\): reads constants only"),
        (constant("If", 1.0, then_branch=helper.make_graph([], "body", [], [])), r"If_2 \(If\): reads constants only"),
        (behind("Pad", np.array([0.0, 0, 2**40, 0, 0, 0, 0, 0])), "expected"),
        (behind("Transpose", perm=[0, 1, 2, 9]), r"Transpose_2 \(Transpose\): cannot be computed"),
        (behind("Gather", np.array(2.0**62), axis=1), r"Gather_2 \(Gather\)"),
        (behind("Clip", 0.0, 1.0, 2.0), r"Clip_2 \(Clip\): has not the inputs"),
    ],
)
def test_nodes_that_ended_badly_elsewhere(path: Path, make: Callable[[Builder], str], match: str) -> None:
    b = Builder()
    b.save(path, b.head(make(b), 192))
    refused(path, match)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda graph: graph.node.append(graph.node[0]), "tensor Conv_0_out0: is made twice"),
        (
            lambda graph: graph.node.append(helper.make_node("Flatten", ["y"], ["y"], "loop")),
            "reads 'y', which no earlier node makes",
        ),
        (lambda graph: graph.node[2].input.__setitem__(0, graph.node[2].output[0]), "which no earlier node makes"),
        (lambda graph: graph.node[0].output.__setitem__(0, "x"), "tensor x: is made twice"),
        (lambda graph: graph.node[0].output.__setitem__(0, "c0"), "tensor c0: is made twice"),
        (lambda graph: graph.initializer.append(graph.initializer[0]), "tensor c0: is made twice"),
        (lambda graph: graph.node[0].attribute[0].__setattr__("ref_attr_name", "f\no\x1bo"), "is that of a function around it"),
        (lambda graph: graph.node[1].__setattr__("name", "a\nb\x1b[31mc\r"), None),
    ],
)
def test_graphs_that_are_none(path: Path, change: Callable[[onnx.GraphProto], Any], match: str | None) -> None:
    b = Builder()
    b.save(path, b.head(b.thermometer(), 192))
    model = onnx.load(path)
    if match is None:
        model.graph.node[1].op_type = "Unknown"
        model.graph.node[1].domain = ""
    change(model.graph)
    path.write_bytes(model.SerializeToString())
    refused(path, match or r"a b \[31mc \(Unknown\): this operator is not supported")


@pytest.mark.parametrize("shape", [(1, 1, 10_000, 10_000), (1, 3, 4_000, 4_000), (1, 2**31 - 1), (1, 2**40, 1, 1)])
def test_images_of_claimed_sizes(path: Path, shape: tuple[int, ...]) -> None:
    b = Builder()
    b.save(path, b.head(b.thermometer(), 192))
    model = onnx.load(path)
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, shape))
    del model.graph.value_info[:]
    path.write_bytes(model.SerializeToString())
    refused(path, "expected an image of up to 4,194,304 values, got")


def test_maps_that_grow_beyond_all_bounds(path: Path) -> None:
    b = Builder()
    x = b.thermometer()
    x = b.add("Pad", x, b.constant([0, 0, 1000, 1000, 0, 0, 1000, 1000], np.int64), b.constant(-1.0))
    x = b.add("BipolarQuant", b.add("Conv", x, b.weights(64, 4, 1, 1)), 1.0)
    b.save(path, b.head(x, 192))
    refused(path, "expected maps of up to 67,108,864 values, got one of 64x2008x2006")


@pytest.mark.parametrize("dims", [[2**31, 2**31], [-1, 4], [2**40], [10**6, 10**6]])
def test_tensors_that_claim_more_than_they_hold(path: Path, dims: list[int]) -> None:
    b = Builder()
    b.save(path, b.head(b.thermometer(), 192))
    model = onnx.load(path)
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend(dims)
    path.write_bytes(model.SerializeToString())
    refused(path, "tensor c0: its values cannot be read")


def test_a_bias_of_one_value_for_all_filters(path: Path) -> None:
    """ONNX wants one per filter; ONNX Runtime reads past its end."""
    b = Builder()
    x = b.add("Conv", b.thermometer(), b.weights(4, 4, 3, 3), np.array([1.5]))
    b.save(path, b.head(b.add("BipolarQuant", x, 1.0), 96))
    refused(path, r"Conv_3 \(Add\): expected a bias of one value for each of 4 filters, got 1")
