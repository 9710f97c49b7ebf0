"""A run on bit planes as an integer network: `owlbit export-bit-planes RUN FILE.npz`.

No thermometer gives bit planes, so that such a run does not deploy. Taken apart from its first layer it is an ordinary network
whose input is eight channels of bits per colour, each with the threshold 1. `owlbit sense --monte-carlo` compares with it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import cast

import numpy as np
import torch

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.export.network_file import save_network
from owlbit.hw.fast import simulate
from owlbit.models.layers.encodings import PLANES, BitPlanes
from owlbit.models.layers.thermometer import LearnedThermometer
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.deploy.export_run import export_net
from owlbit.toolchain.runs.run_folder import read_result, run_recipe
from owlbit.toolchain.runs.weights import load_run
from owlbit.toolchain.sensing.converters import bit_planes


def export_bit_planes(run: Path, path: Path) -> Network:
    """Writes the network of the finished run to `path`, after its integers gave the accuracy that training stated.

    Raises OwlbitError where the run reads no bit planes, has not finished, or the accuracies differ.
    """
    loaded = load_run(run)
    net = cast(BinaryNet, loaded.net)
    if not isinstance(getattr(net, "thermometer", None), BitPlanes):
        raise OwlbitError(
            f'{run}: expected a run whose encoding is "bit-planes", got another; export it with `owlbit export {run}`'
        )
    colours, height, width = net.input_shape
    net.thermometer = LearnedThermometer(colours * PLANES, 1, torch.ones(colours * PLANES, 1))
    net.input_shape = (colours * PLANES, height, width)
    with tempfile.TemporaryDirectory(prefix="owlbit-") as folder:
        network = export_net(net, Path(folder), loaded.class_names, loaded.recipe.name)
    recipe, _, base = run_recipe(run)
    dataset = load_dataset(recipe.data, base)
    test = dataset.held_out
    accuracy = float(np.mean(network.ranked(simulate(network, bit_planes(test.images))).argmax(1) == test.labels))
    stated = read_result(run).accuracy
    if accuracy != stated:
        raise OwlbitError(f"{run}: expected the accuracy that training stated, {stated:.4%}, got {accuracy:.4%}")
    save_network(network, path)
    return network
