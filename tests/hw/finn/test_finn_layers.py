"""Transformations that make FINN's hardware layers, executed by FINN; widths of accumulators and thresholds against brute force."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from minimal_graphs import graph, kinds, node, run, same_after, signs
from owlbit.hw.finn.tools import finn_environment
from owlbit.hw.finn.transformations.graph import FINN_DOMAIN, LoweringError
from owlbit.hw.finn.transformations.infer_logic_gates import InferLogicGates
from owlbit.hw.finn.transformations.infer_padding import InferPadding
from owlbit.hw.finn.transformations.set_exact_widths import SetExactWidths

pytest.importorskip("finn.custom_op", reason="finn-plus is not installed; `make finn` brings it, to Python 3.11")


@pytest.fixture(autouse=True)
def finn(tmp_path: Path) -> Iterator[None]:
    with finn_environment(tmp_path, None):
        yield


@pytest.mark.parametrize("gate", ["or", "xor", "mux"])
def test_logic_gates(gate: str) -> None:
    rng = np.random.default_rng(0)
    select = np.array([[[[True, False, False, True]]]])
    nodes = {
        "or": [node("Max", "x z", "y")],
        "xor": [node("Sub", "x z", "d"), node("Abs", "d", "y")],
        "mux": [node("Where", "s x z", "y")],
    }[gate]
    constants = {"s": select} if gate == "mux" else {}
    shape = (1, 3, 2, 4)
    model = graph(nodes, {"x": shape, "z": shape}, "y", constants, {"x": "BINARY", "z": "BINARY", "d": "INT2"})
    feeds = [{name: rng.integers(0, 2, shape) for name in "xz"} for _ in range(4)]
    after = same_after(model, feeds, InferLogicGates())
    expected = {"or": ["ElementwiseOr"], "xor": ["ElementwiseXor"], "mux": ["ElementwiseAnd", "ElementwiseAnd", "ElementwiseOr"]}
    assert kinds(after) == expected[gate]
    assert after.get_tensor_datatype("y") == DataType["BINARY"]


def test_gates_of_numbers_stay() -> None:
    model = graph([node("Max", "x z", "y")], {"x": (1, 4), "z": (1, 4)}, "y", {}, {"x": "UINT8", "z": "UINT8"})
    assert kinds(model.transform(InferLogicGates())) == ["Max"]


def test_padding() -> None:
    rng = np.random.default_rng(0)
    constants = {"a": np.array([0, 1, 0, 0, 0, 2, 1, 0]), "v": np.array(0, np.float32)}
    model = graph([node("Pad", "x a v", "y")], {"x": (1, 3, 2, 4)}, "y", constants, {"x": "BINARY", "y": "BINARY"})
    after = same_after(model, [{"x": rng.integers(0, 2, (1, 3, 2, 4))} for _ in range(3)], InferPadding())
    assert kinds(after) == ["FMPadding"]


def test_padding_by_another_value_stays() -> None:
    constants = {"a": np.array([0, 1, 0, 0, 0, 2, 1, 0]), "v": np.array(-1, np.float32)}
    model = graph([node("Pad", "x a v", "y")], {"x": (1, 3, 2, 4)}, "y", constants, {"x": "BIPOLAR"})
    assert kinds(model.transform(InferPadding())) == ["Pad"]


def matrix_layer(
    xnor: bool, thresholds: np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None, data: str, weights: str
) -> ModelWrapper:
    """An MVAU of 18 inputs and 6 outputs, with thresholds or as the graph's output."""
    rng = np.random.default_rng(0)
    values = signs(rng, 18, 6)
    attributes: dict[str, Any] = {
        "MW": 18,
        "MH": 6,
        "SIMD": 1,
        "PE": 1,
        "inputDataType": data,
        "weightDataType": weights,
        "ActVal": 0,
    }
    attributes |= {"binaryXnorMode": int(xnor), "noActivation": int(thresholds is None), "numInputVectors": [1]}
    attributes["outputDataType"] = "INT32" if thresholds is None else "BINARY"
    inputs = ["x", "w"] if thresholds is None else ["x", "w", "t"]
    layer = helper.make_node("MVAU", inputs, ["y"], domain=FINN_DOMAIN, backend="fpgadataflow", name="layer", **attributes)
    constants = {"w": (values + 1) / 2 if xnor else values} | ({} if thresholds is None else {"t": thresholds})
    return graph([layer], {"x": (1, 18)}, "y", constants, {"x": data, "w": weights, "y": attributes["outputDataType"]})


def test_an_xnor_layer_counts_to_k() -> None:
    """The case that FINN's own minimisation gets wrong: thresholds over the whole range of 0..K+1."""
    rng = np.random.default_rng(1)
    thresholds = np.array([[0], [1], [8.5], [12], [18], [19]], np.float32)
    model = matrix_layer(True, thresholds, "BINARY", "BINARY")
    after = same_after(model, [{"x": rng.integers(0, 2, (1, 18))} for _ in range(20)], SetExactWidths())
    (layer,) = after.graph.node
    attributes = {found.name: helper.get_attribute_value(found) for found in layer.attribute}
    assert attributes["accDataType"] == b"UINT5"
    assert after.get_tensor_datatype(layer.input[2]) == DataType["UINT5"]
    np.testing.assert_array_equal(after.get_initializer(layer.input[2]).ravel(), [0, 1, 9, 12, 18, 19])


def test_the_last_accumulator_is_whole_bytes() -> None:
    after = matrix_layer(True, None, "BINARY", "BINARY").transform(SetExactWidths())
    assert after.get_tensor_datatype("y") == DataType["UINT8"]


@pytest.mark.parametrize("data", ["UINT8", "INT4", "BINARY"])
def test_the_range_of_other_layers_is_that_of_their_weights(data: str) -> None:
    rng = np.random.default_rng(2)
    kind = DataType[data]
    model = matrix_layer(False, None, data, "BIPOLAR")
    weights = model.get_initializer("w")
    ends = np.stack([weights * kind.min(), weights * kind.max()])
    low, high = ends.min(axis=0).sum(axis=0).min(), ends.max(axis=0).sum(axis=0).max()
    after = same_after(model, [{"x": rng.integers(kind.min(), kind.max() + 1, (1, 18))} for _ in range(5)], SetExactWidths())
    found = after.get_tensor_datatype("y")
    assert found.min() <= low and high <= found.max()
    narrower = DataType[f"INT{found.bitwidth() - 8}"] if found.bitwidth() > 8 else None
    assert found.bitwidth() % 8 == 0 and (narrower is None or low < narrower.min() or high > narrower.max())


def test_bipolar_times_bipolar_is_refused() -> None:
    with pytest.raises(LoweringError, match=r"layer \(MVAU\): expected bits of 0 and 1, got bipolar ones"):
        matrix_layer(False, None, "BIPOLAR", "BIPOLAR").transform(SetExactWidths())


def test_finns_own_minimisation_is_still_wrong() -> None:
    """If this fails, FINN has mended it, and `SetExactWidths` may give way to FINN's step."""
    from finn.transformation.fpgadataflow.minimize_accumulator_width import MinimizeAccumulatorWidth
    from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds

    model = matrix_layer(True, np.array([[0], [1], [8], [12], [18], [19]], np.float32), "BINARY", "BINARY")
    wrong = model.transform(MinimizeAccumulatorWidth()).transform(RoundAndClipThresholds())
    images = [filters[None].copy() for filters in model.get_initializer("w").T]
    for image in images:  # all but one bit agree: a count of 17
        image[0, 0] = 1 - image[0, 0]
    assert any(not np.array_equal(run(wrong, x=image), run(model, x=image)) for image in images)
