"""What a plan is made of: legal foldings, cycles, reordering only where it must be, what a skip keeps, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from owlbit.export.network import BinaryConv, ChannelShuffle, LogicSkip, Network, NetworkError, OrPool, Scores, Thermometer
from owlbit.hw.ecp5.dataflow.geometry import geometry, layer_cycles, legal_foldings
from owlbit.hw.ecp5.dataflow.needs import skip_pixels
from owlbit.hw.ecp5.dataflow.plan import plan_dataflow
from owlbit.hw.ecp5.folding_file import Folding, LayerFolding, weighted_layers
from random_networks import random_network


def conv(outputs: int, inputs: int, groups: int = 1, size: int = 3, side: int = 1) -> BinaryConv:
    weights = np.zeros((outputs, inputs // groups, size, size), np.uint8)
    return BinaryConv(weights, np.ones(outputs, np.int32), groups, padding=(side,) * 4)


def network(*layers: BinaryConv | ChannelShuffle | LogicSkip | OrPool, size: int = 8, channels: int = 8) -> Network:
    first = Thermometer(np.arange(1, channels + 1, dtype=np.int32)[None])
    shape = (channels, size, size)
    for layer in layers:
        shape = layer.output_shape(shape)
    return Network((1, size, size), (first, *layers, Scores(np.zeros((2, int(np.prod(shape))), np.uint8))))


def folding(given: Network, *pairs: tuple[int, int]) -> Folding:
    return Folding(tuple(LayerFolding(index, *pair) for (index, _), pair in zip(weighted_layers(given), pairs, strict=True)))


def modules(given: Network, *pairs: tuple[int, int]) -> list[str]:
    return [stage.module for stage in plan_dataflow(given, folding(given, *pairs)).stages]


def test_legal_foldings_are_those_that_are_taken() -> None:
    for seed in range(8):
        given = random_network(np.random.default_rng(seed))
        for index, layer in weighted_layers(given):
            legal = legal_foldings(given, index)
            products = [pe * simd for pe, simd in legal]
            assert products == sorted(products)
            taken = []
            for pe in range(1, len(layer.weights) * 2):
                for simd in range(1, layer.fan_in + 2):
                    try:
                        geometry(given, LayerFolding(index, pe, simd))
                    except NetworkError as error:
                        assert str(error).startswith(f"layer {index}: expected")
                    else:
                        taken.append((pe, simd))
            assert sorted(legal) == taken


def test_cycles_count_positions_and_passes() -> None:
    given = network(conv(16, 8), size=8)
    # 10 x 10 positions of the padded map, 64 with an output: 4 slices, 8 passes over those with an output.
    assert layer_cycles(given, 1, 2, 18) == 4 * (64 * 8 + 36)
    assert layer_cycles(given, 2, 1, 16) == 64 * 2
    plan = plan_dataflow(given, folding(given, (2, 18), (1, 16)))
    assert plan.frame_cycles == max(plan.cycles().values()) == 4 * (64 * 8 + 36)


def test_groups_share_a_word() -> None:
    given = network(conv(16, 8, groups=8), size=4)
    assert (8, 9) in legal_foldings(given, 1) and (8, 18) not in legal_foldings(given, 1)
    folded = geometry(given, LayerFolding(1, 8, 9))
    assert (folded.lanes, folded.slices, folded.passes) == (4, 2, 1)


def test_a_shuffle_is_wires_where_groups_come_together() -> None:
    shuffled = network(conv(16, 8, groups=2), ChannelShuffle.of_groups(16, 2), conv(8, 16, groups=2))
    assert "owl_reorder" not in modules(shuffled, (4, 9), (1, 9), (1, 8))
    assert "owl_reorder" in modules(shuffled, (8, 9), (1, 9), (1, 8))
    anyhow = ChannelShuffle(np.random.default_rng(1).permutation(16).astype(np.int32))
    assert "owl_reorder" not in modules(network(conv(16, 8), anyhow, conv(8, 16, groups=4)), (16, 9), (1, 9), (1, 8))
    apart = network(conv(16, 8, groups=2), anyhow, conv(8, 16, groups=4))
    assert "owl_reorder" in modules(apart, (4, 9), (1, 9), (1, 8))
    kept = network(conv(16, 8), ChannelShuffle.of_groups(16, 4), conv(16, 16, groups=4), LogicSkip(2, "or"))
    assert "owl_reorder" in modules(kept, (4, 9), (1, 9), (1, 8))


def test_a_skip_keeps_what_the_layers_between_must_see() -> None:
    same = (conv(8, 8), LogicSkip(0, "or"))
    assert skip_pixels(network(*same, size=8), 2) == 10  # a row, the next pixel, and the one below it
    point = (conv(8, 8, size=1, side=0), LogicSkip(0, "or"))
    assert skip_pixels(network(*point, size=8), 2) == 1
    twice = (conv(8, 8), conv(8, 8), LogicSkip(0, "or"))
    assert skip_pixels(network(*twice, size=8), 3) == 19


def test_only_windows_that_overlap_need_the_rows_before() -> None:
    assert "owl_pool" in modules(network(OrPool((2, 2), (2, 2))), (1, 8))
    assert {"owl_lines", "owl_pool_window"} <= set(modules(network(OrPool((3, 3), (2, 2))), (1, 8)))


def test_scores_beyond_16_bits_are_refused() -> None:
    given = Network((1, 64, 64), (Thermometer(np.arange(1, 9, dtype=np.int32)[None]), Scores(np.zeros((2, 32768), np.uint8))))
    with pytest.raises(NetworkError, match="scores: expected up to 32,767 inputs, as a score has 16 bits, got 32,768"):
        plan_dataflow(given, folding(given, (1, 8)))
