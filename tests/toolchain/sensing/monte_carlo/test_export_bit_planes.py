"""A run that reads bit planes as an integer network on bits: torch's own scores, or a refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import load_model
from owlbit.hw.reference import simulate
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.runs.weights import load_run
from owlbit.toolchain.sensing.converters import bit_planes
from owlbit.toolchain.sensing.monte_carlo.export_bit_planes import export_bit_planes
from owlbit.toolchain.training.train import train
from tiny_recipe import quiet, recipe_for


def test_integers_are_the_trained_networks_scores(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, encoding='encoding = "bit-planes"\n')
    train(recipe, tmp_path / "run", console=quiet())
    export_bit_planes(tmp_path / "run", tmp_path / "planes.npz")
    network = load_model(tmp_path / "planes.npz")
    assert network.input_shape == (24, 8, 8)
    images = load_dataset(recipe.data, tmp_path).train.images
    with torch.no_grad():
        expected = load_run(tmp_path / "run").net.eval()(torch.from_numpy(images)).numpy()
    np.testing.assert_array_equal(simulate(network, bit_planes(images)), expected)


def test_a_run_with_thresholds_is_refused(trained: Path) -> None:
    with pytest.raises(OwlbitError, match='expected a run whose encoding is "bit-planes", got another'):
        export_bit_planes(trained / "run", trained / "planes.npz")
    assert not (trained / "planes.npz").exists()
