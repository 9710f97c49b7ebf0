"""The folding search: against every folding of a small network, by its own costs; and what it says where nothing fits."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.hw.ecp5.dataflow.plan import plan_dataflow
from owlbit.hw.ecp5.folding.measure import random_network
from owlbit.hw.ecp5.folding.rates import Rates
from owlbit.hw.ecp5.folding.search import TOP_LUTS, FoldingSearch
from owlbit.hw.ecp5.folding.stage_costs import Expected, stage_cost
from owlbit.hw.ecp5.folding.table import folding_rows, folding_table
from owlbit.hw.ecp5.parts import PARTS
from random_networks import random_network as any_network

SMALL = PARTS["ecp5-25f"]


@pytest.fixture(scope="module")
def search() -> FoldingSearch:
    return FoldingSearch(random_network(np.random.default_rng(1)))


def tiny() -> Network:
    """A network of three layers with weights and few foldings."""
    return any_network(np.random.default_rng(8), max_size=5, max_channels=3, levels=(2,), blocks=1, skip=False)


def test_no_folding_takes_fewer_luts() -> None:
    search = FoldingSearch(tiny(), Rates())
    every = []
    for chosen in itertools.product(*(range(len(layer.choices)) for layer in search.layers)):
        estimate = search._estimate(list(chosen))
        every.append((estimate.cycles, estimate.luts, estimate.ebr))
    bounds = search.bounds()
    for bound, ebr in itertools.product(bounds[:: max(1, len(bounds) // 4)], (2, None)):
        fitting = [luts for cycles, luts, used in every if cycles <= bound and (ebr is None or used <= ebr)]
        found = search.least_luts(bound, ebr)
        assert (found.luts if found else None) == min(fitting, default=None)


def test_the_estimate_is_of_the_plan_that_is_built(search: FoldingSearch) -> None:
    found = search.for_part(SMALL)
    plan = plan_dataflow(search.network, found.folding)
    assert plan.frame_cycles == found.cycles
    stages = sum((stage_cost(stage.module, stage.parameters) for stage in plan.stages), Expected())
    assert stages.ebr == found.ebr
    assert search.rates.luts(stages) + TOP_LUTS == pytest.approx(found.luts, rel=0.03)  # FIFOs in LUTs are estimated
    assert found == search.for_part(SMALL)  # the same again, whatever the order of dictionaries


def test_a_rate_is_met_with_fewer_luts_than_the_most_a_part_reaches(search: FoldingSearch) -> None:
    best = search.for_part(SMALL)
    rate = best.frames_per_second(80) / 4
    found = search.for_rate(rate, 80, SMALL)
    assert found.frames_per_second(80) >= rate
    assert found.luts < best.luts and found.ebr <= SMALL.ebr


def test_a_rate_that_no_folding_reaches_names_the_layer_that_bounds_it(search: FoldingSearch) -> None:
    with pytest.raises(OwlbitError, match=r"expected at most [\d,]+ frames/s, which layer \d+ \(\w+\) allows .* cycles per frame"):
        search.for_rate(1e9, 80, SMALL)
    with pytest.raises(OwlbitError, match="expected a rate above zero"):
        search.for_rate(0, 80, SMALL)


def test_a_part_that_is_too_small_says_by_how_much_and_names_another(search: FoldingSearch) -> None:
    smaller = replace(SMALL, lut=4000, ebr=8)
    with pytest.raises(
        OwlbitError, match=r"too many .* by the cost model; ecp5-25f would hold it; ecp5-25f reaches [\d,]+ frames/s"
    ):
        search.for_rate(search.for_part(SMALL).frames_per_second(80), 80, smaller)
    with pytest.raises(OwlbitError, match=r"[\d,]+ LUT4 too many .* by the cost model; ecp5-25f would hold it; or take fewer"):
        search.for_part(replace(SMALL, lut=400, ebr=2))


def test_the_table_marks_the_bottleneck_and_adds_up(search: FoldingSearch) -> None:
    found = search.for_part(SMALL)
    rows = folding_rows(search.network, found)
    assert max(row.cycles for row in rows if row.bottleneck) == found.cycles
    table = folding_table(search.network, found, 80)
    assert table.count("bounds the rate") == sum(row.bottleneck for row in rows) >= 1
    assert f"{found.frames_per_second(80):,.0f} frames/s at 80 MHz" in table
