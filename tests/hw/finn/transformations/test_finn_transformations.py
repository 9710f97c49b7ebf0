"""Each transformation on a minimal graph: what it makes of it, that the output stays the same, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import NodeProto
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from minimal_graphs import BIPOLAR, graph, kinds, node, same_after, signs
from owlbit.hw.finn.transformations.convert_bipolar_to_xnor import ConvertBipolarToXnor
from owlbit.hw.finn.transformations.gather_channel_shuffle import GatherChannelShuffle
from owlbit.hw.finn.transformations.graph import LoweringError
from owlbit.hw.finn.transformations.lower_grouped_convs import LowerGroupedConvs
from owlbit.hw.finn.transformations.lower_thermometer import LowerThermometer
from owlbit.hw.finn.transformations.move_channels_last import MoveChannelsLast
from owlbit.hw.finn.transformations.wire_channel_shuffles import WireChannelShuffles

Feeds = list[dict[str, NDArray[Any]]]


def pixels(rng: np.random.Generator, *shape: int, count: int = 3) -> Feeds:
    return [{"x": rng.integers(0, 256, shape)} for _ in range(count)]


def bits(rng: np.random.Generator, *shape: int, count: int = 3) -> Feeds:
    return [{"x": signs(rng, *shape)} for _ in range(count)]


@pytest.mark.parametrize("colours", [1, 3])
def test_thermometer(colours: int) -> None:
    rng = np.random.default_rng(0)
    thresholds = rng.integers(0, 257, (colours * 4, 1)).astype(np.float32)
    copies = np.ones((colours * 4, 1, 1, 1), np.float32)
    nodes = [node("Conv", "x w", "copies", group=colours), node("MultiThreshold", "copies t", "y", **BIPOLAR)]
    model = graph(nodes, {"x": (1, colours, 3, 2)}, "y", {"w": copies, "t": thresholds}, {"y": "BIPOLAR"})
    after = same_after(model, pixels(rng, 1, colours, 3, 2), LowerThermometer())
    assert kinds(after) == ["Transpose", "MatMul", "Transpose", "MultiThreshold"]
    assert after.get_tensor_datatype("x") == DataType["UINT8"]
    product = after.get_nodes_by_op_type("MatMul")[0]
    assert after.get_tensor_datatype(product.input[1]) == DataType["BIPOLAR" if colours == 1 else "TERNARY"]


def grouped(rng: np.random.Generator, groups: int, kernel: tuple[int, int], **options: Any) -> ModelWrapper:
    """Bits [1, 8, 5, 4] through a convolution of 12 filters and their thresholds."""
    weights = signs(rng, 12, 8 // groups, *kernel)
    thresholds = rng.integers(-3, 4, (12, 1)).astype(np.float32)
    nodes = [node("Conv", "x w", "sums", group=groups, **options), node("MultiThreshold", "sums t", "y", **BIPOLAR)]
    types = {"x": "TERNARY", "w": "BIPOLAR", "y": "BIPOLAR"}  # a zero is what the operator pads with
    return graph(nodes, {"x": (1, 8, 5, 4)}, "y", {"w": weights, "t": thresholds}, types)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_grouped_convolution(groups: int) -> None:
    rng = np.random.default_rng(groups)
    after = same_after(grouped(rng, groups, (3, 2), strides=[2, 1], pads=[1, 0, 0, 1]), bits(rng, 1, 8, 5, 4), LowerGroupedConvs())
    found = kinds(after)
    assert found.count("MatMul") == found.count("MultiThreshold") == found.count("Im2Col") == groups
    assert ("Split" in found, "Concat" in found, "Conv" in found) == (groups > 1, groups > 1, False)
    joins = after.get_nodes_by_op_type("Concat")
    assert all(after.get_tensor_datatype(name) == DataType["BIPOLAR"] for join in joins for name in join.input)


def test_a_pointwise_convolution_needs_no_windows() -> None:
    rng = np.random.default_rng(7)
    assert "Im2Col" not in kinds(same_after(grouped(rng, 4, (1, 1)), bits(rng, 1, 8, 5, 4), LowerGroupedConvs()))


def test_a_convolution_with_bias_is_refused() -> None:
    model = graph(
        [node("Conv", "x w b", "y")],
        {"x": (1, 2, 3, 3)},
        "y",
        {"w": np.ones((2, 2, 1, 1), np.float32), "b": np.zeros(2, np.float32)},
        {},
    )
    with pytest.raises(LoweringError, match=r"Conv_y \(Conv\): expected no bias"):
        model.transform(LowerGroupedConvs())


@pytest.mark.parametrize("groups", [2, 4])
def test_channel_shuffle_of_an_exporter(groups: int) -> None:
    rng = np.random.default_rng(0)
    nodes = [node("Reshape", "x a", "p"), node("Transpose", "p", "q", perm=[0, 2, 1, 3, 4]), node("Reshape", "q b", "y")]
    sizes = {"a": np.array([1, groups, 8 // groups, 3, 2]), "b": np.array([1, 8, 3, 2])}
    after = same_after(graph(nodes, {"x": (1, 8, 3, 2)}, "y", sizes, {}), pixels(rng, 1, 8, 3, 2), GatherChannelShuffle())
    assert kinds(after) == ["Gather"]


LAST = {"perm": [0, 3, 1, 2]}  # of a Transpose from channels last


@pytest.mark.parametrize(
    ("nodes", "constants", "expected"),
    [
        ([node("MaxPool", "p", "y", kernel_shape=[2, 2], strides=[2, 1])], {}, ["MaxPoolNHWC", "Transpose"]),
        ([node("MultiThreshold", "p t", "y", **BIPOLAR)], {"t": np.arange(4.0).reshape(4, 1)}, ["MultiThreshold", "Transpose"]),
        ([node("Gather", "p i", "y", axis=1)], {"i": np.array([2, 0, 3, 1])}, ["Gather", "Transpose"]),
        ([node("Pad", "p a v", "y")], {"a": np.array([0, 0, 1, 0, 0, 0, 2, 1]), "v": np.array(-1.0)}, ["Pad", "Transpose"]),
        ([node("Max", "p p", "y")], {}, ["Max", "Transpose"]),
        ([node("Mul", "p c", "y")], {"c": np.arange(4.0).reshape(1, 4, 1, 1)}, ["Mul", "Transpose"]),
        ([node("Flatten", "p", "f"), node("MatMul", "f m", "y")], {"m": np.arange(72.0).reshape(24, 3)}, ["Flatten", "MatMul"]),
        ([node("Transpose", "p", "q", perm=[0, 2, 3, 1]), node("Neg", "q", "y")], {}, ["Neg"]),
    ],
    ids=["pool", "threshold", "gather", "pad", "max", "constant", "flatten", "transposes"],
)
def test_channels_last(nodes: list[NodeProto], constants: dict[str, NDArray[Any]], expected: list[str]) -> None:
    rng = np.random.default_rng(0)
    values = {name: value if value.dtype == np.int64 else value.astype(np.float32) for name, value in constants.items()}
    model = graph([node("Transpose", "x", "p", **LAST), *nodes], {"x": (1, 3, 2, 4)}, "y", values, {})
    assert kinds(same_after(model, pixels(rng, 1, 3, 2, 4), MoveChannelsLast())) == expected


def shuffled(rng: np.random.Generator, order: NDArray[np.int64], groups: int, padded: bool = False) -> ModelWrapper:
    """[1, 4, 3, C], channels last, shuffled and read by `groups` products over 2x2 windows."""
    channels = len(order)
    width = channels // groups
    constants: dict[str, NDArray[Any]] = {"order": order, "sizes": np.full(groups, width), "v": np.array(-1, np.float32)}
    nodes = [node("Gather", "x order", "s", axis=3)]
    if padded:
        constants["amounts"] = np.array([0, 1, 0, 0, 0, 0, 1, 0])
        nodes += [node("Pad", "s amounts v", "padded")]
    source, height = ("padded", 5) if padded else ("s", 4)
    parts = [f"p{group}" for group in range(groups)]
    nodes += [node("Split", f"{source} sizes", " ".join(parts), axis=-1)] if groups > 1 else [node("Identity", source, "p0")][:0]
    for group, part in enumerate(parts):
        constants[f"w{group}"] = signs(rng, 4 * width, 3)
        options = {"stride": [1, 1], "kernel_size": [2, 2], "input_shape": f"(1,{height},{4 if padded else 3},{width})"}
        nodes += [
            node("Im2Col", part if groups > 1 else source, f"c{group}", **options),
            node("MatMul", f"c{group} w{group}", f"m{group}"),
        ]
    nodes.append(node("Concat", " ".join(f"m{group}" for group in range(groups)), "y", axis=-1))
    return graph(nodes, {"x": (1, 4, 3, channels)}, "y", constants, {})


@pytest.mark.parametrize("groups", [2, 4])
def test_shuffle_between_groups_is_wiring(groups: int) -> None:
    rng = np.random.default_rng(groups)
    order = np.arange(16).reshape(groups, -1).T.reshape(-1)
    after = same_after(shuffled(rng, order, groups), bits(rng, 1, 4, 3, 16), WireChannelShuffles())
    assert "Gather" not in kinds(after)
    (split,) = after.get_nodes_by_op_type("Split")
    assert len(split.output) == groups * groups


@pytest.mark.parametrize("seed", range(4))
def test_any_shuffle_is_wiring(seed: int) -> None:
    rng = np.random.default_rng(seed)
    after = same_after(shuffled(rng, rng.permutation(12), 3, padded=seed % 2 == 1), bits(rng, 1, 4, 3, 12), WireChannelShuffles())
    assert "Gather" not in kinds(after)


def test_a_shuffle_before_one_product_costs_nothing() -> None:
    rng = np.random.default_rng(0)
    after = same_after(shuffled(rng, rng.permutation(6), 1), bits(rng, 1, 4, 3, 6), WireChannelShuffles())
    assert kinds(after) == ["Im2Col", "MatMul", "Concat"]


def test_a_shuffle_whose_order_matters_is_slices_and_one_join() -> None:
    rng = np.random.default_rng(0)
    model = graph([node("Gather", "x o", "y", axis=3)], {"x": (1, 2, 2, 4)}, "y", {"o": np.array([2, 3, 0, 1])}, {})
    after = same_after(model, bits(rng, 1, 2, 2, 4), WireChannelShuffles())
    assert kinds(after) == ["Split", "Concat"]
    assert len(after.get_nodes_by_op_type("Split")[0].output) == 2


SCORES = [node("MatMul", "h v", "y")]


def layers_of_bits(
    rng: np.random.Generator,
    middle: list[NodeProto],
    width: int,
    ending: Sequence[NodeProto],
    **constants: NDArray[Any],
) -> ModelWrapper:
    """Numbers [1, 4, 3, 6], channels last, to bits "b"; `middle` makes "f" [1, width] of them; products, thresholds, and scores."""
    values: dict[str, NDArray[Any]] = {
        "t": rng.integers(0, 256, (6, 1)).astype(np.float32),
        "w": signs(rng, width, 5),
        "u": rng.integers(-width, width, (5, 1)).astype(np.float32),
        "v": signs(rng, 5, 3),
        **constants,
    }
    nodes = [
        node("MultiThreshold", "x t", "b", data_layout="NHWC", **BIPOLAR),
        *middle,
        node("MatMul", "f w", "sums"),
        node("MultiThreshold", "sums u", "h", **BIPOLAR),
        *ending,
    ]
    types = {"x": "UINT8"} | dict.fromkeys("bdfhovw", "BIPOLAR")
    return graph(nodes, {"x": (1, 4, 3, 6)}, "y", values, types)


def pad(value: float) -> dict[str, NDArray[Any]]:
    return {"a": np.array([0, 1, 0, 0, 0, 0, 1, 0]), "p": np.array(value, np.float32)}


@pytest.mark.parametrize(
    ("middle", "width", "constants", "expected"),
    [
        ([node("Flatten", "b", "f")], 72, {}, []),
        ([node("Max", "b b", "g"), node("Flatten", "g", "f")], 72, {}, ["Max"]),
        ([node("Mul", "b q", "m"), node("Neg", "m", "n"), node("Flatten", "n", "f")], 72, {"xor": np.empty(0)}, ["Sub", "Abs"]),
        (
            [node("Where", "s b q", "g"), node("Flatten", "g", "f")],
            72,
            {"s": np.array([1, 0, 0, 1, 1, 0], np.bool_)},
            ["Where"],
        ),
        ([node("Pad", "b a p", "g"), node("Flatten", "g", "f")], 120, pad(-1), ["Pad"]),
        (
            [node("Split", "b z", "k l", axis=-1), node("Concat", "l k", "g", axis=-1), node("Flatten", "g", "f")],
            72,
            {"z": np.array([2, 4])},
            [],
        ),
        (
            [
                node("Transpose", "b", "c", perm=[0, 3, 1, 2]),
                node("MaxPool", "c", "g", kernel_shape=[2, 1], strides=[2, 1]),
                node("Flatten", "g", "f"),
            ],
            36,
            {},
            ["MaxPool"],
        ),
    ],
    ids=["plain", "or", "xor", "mux", "padding", "split", "pool"],
)
def test_bits_of_0_and_1(middle: list[NodeProto], width: int, constants: dict[str, NDArray[Any]], expected: list[str]) -> None:
    rng = np.random.default_rng(width)
    constants = {name: value for name, value in constants.items() if value.size}
    if any("q" in each.input for each in middle):  # a second map, of thresholds of its own
        middle = [node("MultiThreshold", "x r", "q", data_layout="NHWC", **BIPOLAR), *middle]
        constants["r"] = rng.integers(0, 256, (6, 1)).astype(np.float32)
    model = layers_of_bits(rng, middle, width, SCORES, **constants)
    if "r" in constants:
        model.set_tensor_datatype("q", DataType["BIPOLAR"])
    after = same_after(model, pixels(rng, 1, 4, 3, 6), ConvertBipolarToXnor())
    found = kinds(after)
    assert found.count("XnorPopcountMatMul") == 2 and "MatMul" not in found
    assert all(kind in found for kind in expected)
    assert found[-2:] == ["Mul", "Add"]
    assert all(after.get_tensor_datatype(name) == DataType["BINARY"] for name in ("b", "f", "h"))


def test_fan_out_and_constant_channels() -> None:
    """One map that two products read, and thresholds outside what a popcount reaches: always 1, never."""
    rng = np.random.default_rng(0)
    edges = np.array([[-99], [-72], [0], [72], [99]], np.float32)
    middle = [node("Flatten", "b", "f"), node("MatMul", "f o", "e"), node("MultiThreshold", "e u", "d", **BIPOLAR)]
    ending = [node("Max", "h d", "j"), node("MatMul", "j v", "y")]
    model = layers_of_bits(rng, middle, 72, ending, o=signs(rng, 72, 5), u=edges)
    after = same_after(model, pixels(rng, 1, 4, 3, 6, count=5), ConvertBipolarToXnor())
    assert kinds(after).count("XnorPopcountMatMul") == 3
    counts = [after.get_initializer(each.input[1]) for each in after.get_nodes_by_op_type("MultiThreshold")[1:]]
    assert all(values.min() == 0 and values.max() == 73 for values in counts)


@pytest.mark.parametrize(
    ("middle", "constants"),
    [
        ([node("Pad", "b a p", "g"), node("Flatten", "g", "f")], pad(0)),
        ([node("Softmax", "b", "g"), node("Flatten", "g", "f")], {}),
    ],
    ids=["padding by 0", "an operator that is not for bits"],
)
def test_bits_that_cannot_be_converted_stay(middle: list[NodeProto], constants: dict[str, NDArray[Any]]) -> None:
    rng = np.random.default_rng(0)
    width = 120 if constants else 72
    after = layers_of_bits(rng, middle, width, SCORES, **constants).transform(ConvertBipolarToXnor())
    assert after.get_tensor_datatype("b") == DataType["BIPOLAR"]
    assert after.get_tensor_datatype("h") == DataType["BINARY"]
    assert "MatMul" in kinds(after)
