"""The simulation of one pipeline by its own bench: scores, cycles per frame, and a sentence where no scores come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from owlbit.hw import reference
from owlbit.hw.ecp5.dataflow.generate import generate
from owlbit.hw.ecp5.dataflow.geometry import legal_foldings
from owlbit.hw.ecp5.dataflow.plan import plan_dataflow
from owlbit.hw.ecp5.dataflow.simulate import BENCH, DataflowError, run_dataflow, simulate_dataflow
from owlbit.hw.ecp5.folding_file import Folding, LayerFolding, weighted_layers
from owlbit.hw.verilator import verilate
from random_networks import random_network


@pytest.mark.slow
def test_one_pipeline_alone(tmp_path: Path) -> None:
    network = random_network(np.random.default_rng(4))
    folding = Folding(tuple(LayerFolding(index, *legal_foldings(network, index)[0]) for index, _ in weighted_layers(network)))
    images = np.random.default_rng(5).integers(0, 256, (6, *network.input_shape), dtype=np.uint8)
    scores, cycles = simulate_dataflow(network, folding, images)
    np.testing.assert_array_equal(scores, reference.simulate(network, images))
    plan = plan_dataflow(network, folding)
    assert cycles == plan.frame_cycles
    generated = generate(plan, tmp_path)
    with pytest.raises(DataflowError, match="the circuit gave no scores within 50 cycles"):
        run_dataflow(verilate(generated.sources, generated.top, BENCH), tmp_path, network, images, max_cycles=50)
