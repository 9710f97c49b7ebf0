"""The end of the network: the last sums become the scores, and the file's arithmetic on them a factor and an offset per class.

The file's values are known for every integer score, so a float32 factor and offset are looked for that give just these values. What
then still hangs on the executor's rounding is told. One output becomes two classes: 0, and what the file compares with 0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, BinaryLinear, Bits, Floats, Scores
from owlbit.export.qonnx.graph import Array, Node
from owlbit.export.qonnx.lowering.emit import Building
from owlbit.export.qonnx.lowering.evaluate_node import evaluate_node
from owlbit.export.qonnx.lowering.fit_factors import fit_factors, ranked_values
from owlbit.export.qonnx.lowering.traced import BitSource, PairSource, PixelSource, SumSource, Traced


class LastLayer(NamedTuple):
    """The scores layer, what ranks of its integers (None: the integers), the layer that it reads, and where the file's one output
    is a decision and no score, above what it says class 1."""

    layer: Scores
    factors: Floats | None
    offsets: Floats | None
    reads: int
    boundary: float | None = None


def find_scores(building: Building, output: Traced, node: Node, ending: tuple[str, ...]) -> LastLayer:
    """The scores layer of a network whose scores are `output`. `ending`: the operators that the file has behind it.

    Raises QonnxError where they are no sums of bits. Adds to the notes of `building` which rankings hang on rounding.
    """
    if output.order.size == 1 and isinstance(output.source, SumSource | BitSource) and output.pad_values is None:
        if isinstance(output.source, SumSource) and np.unique(output.table).size == 3 < output.table.shape[1]:
            # Sign: -1, 0 and +1, of which 0 is class 0.
            boundary = float(output.table.max()) / 2
            low, high = (None if entry is None else entry > boundary for entry in (output.low, output.high))
            output = replace(output, table=output.table > boundary, low=low, high=high)
            return _decision(building, building.as_bits(output, node), node, boundary)
        two = np.unique(output.table).size == 2 < output.table.shape[1]
        if isinstance(output.source, BitSource) or two or output.levels is not None:
            bit = building.as_bits(output, node)
            return _decision(building, bit, node, float(bit.table.astype(np.float64).mean()))
    if isinstance(output.source, PixelSource):
        raise node.error("the network ends without weights; expected class scores")
    if isinstance(output.source, BitSource | PairSource):
        raise node.error("the network ends in bits; expected class scores, sums of bits without a threshold")
    if output.pools or output.pad_values is not None:
        raise node.error("the network ends in a pool or padding; expected class scores")
    layer = output.source.layer
    if isinstance(layer, BinaryConv) and (output.shape[1:] != (1, 1) or layer.groups != 1 or any(layer.padding)):
        raise node.error(
            f"the network ends in a map {list(output.shape)}; expected one score a class, from all channels and no padding"
        )
    classes = output.order.ravel()
    weights = layer.weights.reshape(len(layer.weights), -1)[classes]
    table, low, high = (None if entry is None else entry[classes] for entry in (output.table, output.low, output.high))
    assert table is not None
    weights, falling = _rising(weights, table)
    table, low, high = (None if entry is None else np.where(falling, entry[:, ::-1], entry) for entry in (table, low, high))
    assert table is not None
    factors, offsets = fit_factors(table.astype(np.float32), node)
    reads = output.source.reads
    if len(table) == 1:
        _note_decision(building, table, low, high, factors, offsets, ending, node)
        pair = np.concatenate([1 - weights, weights])
        return LastLayer(Scores(pair), np.append(np.float32(0), factors), np.append(np.float32(0), offsets), reads)
    _note_rankings(building, table, low, high, factors, offsets, ending, node)
    return LastLayer(Scores(weights), factors, offsets, reads)


def _rising(weights: Bits, table: Array) -> tuple[Bits, NDArray[np.bool_]]:
    """The weights with those of falling classes complemented, and which these are, bool [classes, 1]."""
    falling = (table[:, -1] < table[:, 0])[:, None]
    return np.where(falling, 1 - weights, weights).astype(np.uint8), falling


def _decision(building: Building, bit: Traced, node: Node, boundary: float) -> LastLayer:
    """One bit at the end: class 1 where it has its larger value. The scores are 0 and how far the sum is past the threshold."""
    layer = building.layers[bit.bit_layer]
    if bit.bit_layer != building.last or not isinstance(layer, BinaryLinear | BinaryConv):
        raise node.error("the network ends in bits of a pool, a branch or pixels; expected class scores")
    if isinstance(layer, BinaryConv) and (bit.shape != (1, 1, 1) or any(layer.padding)):
        raise node.error("the network ends in a map of bits; expected class scores")
    building.layers.pop()
    weights, threshold = layer.weights.reshape(1, -1), int(layer.thresholds[0])
    if bit.table[0, 1] < bit.table[0, 0]:
        weights, threshold = 1 - weights, layer.fan_in + 1 - threshold
    # 2 * popcount - K > 2 * threshold - K - 1, so that a bit that fires leads by at least 1.
    offset = layer.fan_in + 1 - 2 * threshold
    pair = np.concatenate([1 - weights, weights]).astype(np.uint8)
    return LastLayer(Scores(pair), np.array([0, 1], np.float32), np.array([0, offset], np.float32), building.last, boundary)


def _note_decision(
    building: Building,
    table: Array,
    low: Array | None,
    high: Array | None,
    factors: Floats,
    offsets: Floats,
    ending: tuple[str, ...],
    node: Node,
) -> None:
    """Tells of scores at which the one output's decision hangs on rounding, and of an output that is no probability."""
    if "Sigmoid" not in ending:
        building.notes.append(f"{node.label}: the one output is taken for a logit: class 1 where it is above 0, else class 0")

    def decided(values: Array) -> Array:
        sigmoid = Node(node.name, "Sigmoid", (), ("decision",), {})
        return np.asarray(evaluate_node(sigmoid, [values.astype(np.float32)], 17)[0] > 0.5 if "Sigmoid" in ending else values > 0)

    own = ranked_values(factors, offsets, table.shape[1] - 1) > 0
    unsure = own != decided(table)
    if low is not None and high is not None:
        unsure |= decided(low) != decided(high)
    if unsure.any():
        score = 2 * int(unsure[0].argmax()) - (table.shape[1] - 1)
        building.notes.append(
            f"{node.label}: the decision hangs on float32 rounding at {int(unsure.sum())} of {table.shape[1]} scores, the first of "
            f"them {score:+d}; there other tools may decide otherwise"
        )


def _note_rankings(
    building: Building,
    table: Array,
    low: Array | None,
    high: Array | None,
    factors: Floats,
    offsets: Floats,
    ending: tuple[str, ...],
    node: Node,
) -> None:
    """Tells of scores of two classes that float32 rounding may rank either way, and of a Sigmoid that makes them equal."""
    own = ranked_values(factors, offsets, table.shape[1] - 1)
    classes = np.repeat(np.arange(len(table)), table.shape[1])
    order = np.lexsort((own.ravel(), table.ravel()))
    steps = [np.sign(np.diff(values.ravel()[order].astype(np.float64))) for values in (table, own)]
    unsure = steps[0] != steps[1]
    if low is not None and high is not None:
        unsure |= high.ravel()[order][:-1] >= low.ravel()[order][1:]
    unsure &= classes[order][1:] != classes[order][:-1]
    if unsure.any():
        pair = classes[order][int(unsure.argmax()) :][:2].tolist()
        building.notes.append(
            f"{node.label}: {int(unsure.sum())} pairs of scores of two classes (the first of the classes {pair[0]} and {pair[1]}) "
            "lie within float32 rounding of each other, which other tools may rank the other way"
        )
    if "Sigmoid" in ending:
        saturated = evaluate_node(Node(node.name, "Sigmoid", (), ("s",), {}), [table.astype(np.float32)], 17)[0].ravel()[order]
        if ((np.diff(saturated) == 0) & (steps[1] > 0)).any():
            building.notes.append(
                f"{node.label}: the Sigmoid behind the scores gives the same float32 for some different scores; the class is that "
                "of the largest score before it"
            )
