"""Cost accounting, counted by hand on one network with a layer of every kind."""

from __future__ import annotations

import numpy as np

from owlbit.export.network import BinaryConv, BinaryLinear, ChannelShuffle, LogicSkip, Network, OrPool, Scores, Thermometer
from owlbit.export.network_cost import layer_costs, total_cost


def test_one_row_a_layer() -> None:
    conv = BinaryConv(np.zeros((8, 2, 3, 3), np.uint8), np.zeros(8, np.int32), groups=2, padding=(1, 1, 1, 1))
    layers = (
        Thermometer(np.array([[1, 2, 3, 4]], np.int32)),
        conv,
        OrPool(),
        ChannelShuffle.of_groups(8, 2),
        BinaryConv(np.zeros((6, 8, 1, 1), np.uint8), np.zeros(6, np.int32)),
        BinaryLinear(np.zeros((5, 36), np.uint8), np.zeros(5, np.int32)),
        Scores(np.zeros((3, 5), np.uint8)),
    )
    rows = layer_costs(Network((1, 4, 6), layers))
    assert [row.name for row in rows] == ["thermometer", "conv1", "pool1", "shuffle1", "conv2", "linear1", "scores"]
    assert [row.kind for row in rows] == ["thermometer", "conv", "pool", "shuffle", "conv", "linear", "scores"]
    assert [row.weight_bits for row in rows] == [0, 144, 0, 0, 48, 180, 15]
    assert [row.thresholds for row in rows] == [4, 8, 0, 0, 6, 5, 0]
    assert [row.macs for row in rows] == [0, 144 * 24, 0, 0, 48 * 6, 180, 15]
    assert [row.feature_bits for row in rows] == [96, 192, 48, 48, 36, 5, 0]
    assert rows[1].input_shape == (4, 4, 6) and rows[1].output_shape == (8, 4, 6)
    total = total_cost(rows)
    assert (total.weight_bits, total.thresholds, total.macs, total.feature_bits) == (387, 23, 3939, 425)
    assert (total.input_shape, total.output_shape) == ((1, 4, 6), (3, 1, 1))


def test_of_a_logic_skip_only_the_select_bits_are_stored() -> None:
    conv = BinaryConv(np.zeros((4, 4, 3, 3), np.uint8), np.zeros(4, np.int32), padding=(1, 1, 1, 1))
    layers = (
        Thermometer(np.array([[1, 2, 3, 4]], np.int32)),
        conv,
        LogicSkip(0, "or"),
        conv,
        LogicSkip(2, "mux", np.array([0, 1, 1, 0], np.uint8)),
        Scores(np.zeros((3, 24), np.uint8)),
    )
    rows = layer_costs(Network((1, 2, 3), layers))
    assert [row.name for row in rows] == ["thermometer", "conv1", "skip1", "conv2", "skip2", "scores"]
    assert [row.weight_bits for row in rows] == [0, 144, 0, 144, 4, 72]
    assert [row.macs for row in rows] == [0, 144 * 6, 0, 144 * 6, 0, 72]
    assert [row.feature_bits for row in rows] == [24, 24, 24, 24, 24, 0]
