"""The folding search against brute force on random layers, and what it says where nothing fits. Needs no finn."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from owlbit.export.errors import OwlbitError
from owlbit.hw.finn.folding.choices import Choice, Layer
from owlbit.hw.finn.folding.parts import PARTS
from owlbit.hw.finn.folding.search import Budget, budget_of, fold_for_budget, fold_for_rate, write_folding

MHZ = 1e6


def random_layers(seed: int, count: int = 4) -> list[Layer]:
    """Layers with a handful of choices whose figures trade against each other."""
    draw = np.random.default_rng(seed)
    layers = []
    for number in range(count):
        figures = zip(
            np.sort(draw.integers(1, 40, 5)), draw.integers(10, 200, 5), draw.integers(0, 6, 5), draw.integers(1, 9, 5), strict=True
        )
        choices = tuple(Choice(({"PE": int(w)},), int(c), int(u), int(b), 0, int(w)) for c, u, b, w in figures)
        layers.append(Layer((f"MVAU_hls_{number}",), choices))
    return layers


def every_folding(layers: list[Layer]) -> list[tuple[int, int, int]]:
    """(cycles, LUTs, memories) of every combination."""
    combinations = itertools.product(*(layer.choices for layer in layers))
    return [(max(c.cycles for c in one), sum(c.luts for c in one), sum(c.bram18 for c in one)) for one in combinations]


@pytest.mark.parametrize("seed", range(20))
def test_the_rate_is_met_at_the_least_luts_of_all_foldings(seed: int) -> None:
    layers = random_layers(seed)
    folding = fold_for_rate(layers, 1 * MHZ / 30, 1 * MHZ)
    assert folding.cycles <= 30
    assert folding.luts == min(luts for cycles, luts, _ in every_folding(layers) if cycles <= 30)


@pytest.mark.parametrize("seed", range(20))
def test_the_rate_is_met_within_the_block_rams_of_a_part(seed: int) -> None:
    layers = random_layers(seed)
    possible = [luts for cycles, luts, bram18 in every_folding(layers) if cycles <= 30 and bram18 <= 7]
    budget = Budget(10_000, 7, "a part")
    if possible:
        folding = fold_for_rate(layers, 1 * MHZ / 30, 1 * MHZ, budget)
        assert (folding.luts, folding.bram18 <= 7) == (min(possible), True)
    else:
        with pytest.raises(OwlbitError, match="expected to fit a part"):
            fold_for_rate(layers, 1 * MHZ / 30, 1 * MHZ, budget)


@pytest.mark.parametrize("seed", range(20))
def test_no_folding_in_the_budget_is_faster(seed: int) -> None:
    layers = random_layers(seed)
    budget = Budget(350, 9, "a part")
    possible = [(cycles, luts) for cycles, luts, bram18 in every_folding(layers) if luts <= 350 and bram18 <= 9]
    if possible:
        folding = fold_for_budget(layers, budget)
        assert (folding.cycles, folding.luts) == min(possible)
        assert folding.bram18 <= 9
    else:
        with pytest.raises(OwlbitError, match=r"a part: expected a network of at most 350 LUTs and 9 halves"):
            fold_for_budget(layers, budget)


def test_of_equal_luts_the_narrower_folding_and_the_fewer_memories_are_taken() -> None:
    choices = (
        Choice(({"SIMD": 8},), 1, 0, 0, 0, 8),
        Choice(({"SIMD": 4},), 2, 0, 0, 0, 4),
        Choice(({"SIMD": 2},), 4, 0, 0, 0, 2),
    )
    folding = fold_for_rate([Layer(("StreamingSplit_hls_0",), choices)], 1 * MHZ / 3, 1 * MHZ)
    assert folding.settings() == {"StreamingSplit_hls_0": {"SIMD": 4}}


def test_a_rate_that_no_folding_reaches_names_the_layer_and_the_best_rate() -> None:
    layer = Layer(("MVAU_hls_3",), (Choice(({"PE": 4},), 500, 10, 1, 0, 4),))
    with pytest.raises(OwlbitError, match=r"at most 200,000.0 frames/s at 100 MHz, which MVAU_hls_3 allows.*500 cycles"):
        fold_for_rate([layer], 300_000, 100 * MHZ)
    with pytest.raises(OwlbitError, match="--fps 0: expected a rate above zero"):
        fold_for_rate([layer], 0, 100 * MHZ)


def test_a_budget_is_a_share_of_the_part() -> None:
    assert budget_of(PARTS["xc7s15"], 0.5) == Budget(4_000, 10, "50% of xc7s15")


def test_the_file_is_finns_folding_configuration(tmp_path: Path) -> None:
    window = Layer(("ConvolutionInputGenerator_rtl_0", "Pool_hls_0"), (Choice(({"SIMD": 4}, {"PE": 4}), 9, 1, 0, 0, 8),))
    write_folding(fold_for_rate([window], 1, 100 * MHZ), tmp_path / "folding.json")
    written = json.loads((tmp_path / "folding.json").read_text(encoding="utf-8"))
    assert written == {"Defaults": {}, "ConvolutionInputGenerator_rtl_0": {"SIMD": 4}, "Pool_hls_0": {"PE": 4}}
