"""The cost model: its rates are those of the committed measurements, and miss held-out layers by no more than is stated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from owlbit.hw.ecp5.dataflow.plan import plan_dataflow
from owlbit.hw.ecp5.folding.measure import (
    fit,
    measure_network,
    random_folding,
    random_network,
    read_measured,
    report,
    write_measured,
)
from owlbit.hw.ecp5.folding.rates import load_rates
from owlbit.hw.ecp5.folding.stage_costs import KINDS, stage_cost

REQUIRED = 0.15  # of a layer's LUTs


def test_the_committed_rates_are_the_fit_of_the_committed_measurements() -> None:
    rows = read_measured()
    rates = fit(rows)
    assert rates == load_rates()
    assert rates.held_out >= 12 and rates.error <= REQUIRED
    assert f"{rates.held_out} layers held out" in report(rows, rates)


def test_a_layer_that_was_measured_wrong_raises_the_error() -> None:
    rows = read_measured()
    place = next(index for index, row in enumerate(rows) if row.held_out)
    rows[place] = replace(rows[place], luts=2 * rows[place].luts)
    assert fit(rows).error > 0.4


def test_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = read_measured()
    write_measured(rows, tmp_path / "measured.csv")
    assert read_measured(tmp_path / "measured.csv") == rows


@pytest.mark.parametrize("number", range(8))
def test_every_stage_of_a_pipeline_has_a_cost(number: int) -> None:
    rng = np.random.default_rng(number)
    network = random_network(rng)
    for stage in plan_dataflow(network, random_folding(rng, network)).stages:
        expected = stage_cost(stage.module, stage.parameters)
        assert all(getattr(expected, kind) >= 0 for kind in KINDS)


@pytest.mark.slow
def test_a_measurement_can_be_made_again() -> None:
    committed = [row for row in read_measured() if row.network == 2]
    again = measure_network(2)
    assert [(row.layer, row.ebr) for row in again] == [(row.layer, row.ebr) for row in committed]
    np.testing.assert_allclose([row.luts for row in again], [row.luts for row in committed], rtol=0.1)  # of another Yosys perhaps
