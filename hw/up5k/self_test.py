"""The frame that a flash image carries so that the chip can test itself, and the scores that it must give for it."""

from __future__ import annotations

import numpy as np

from owlbit.export.network import Network
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.compiler.flash_format import SelfTest

TRIES = 16


def make_self_test(network: Network) -> SelfTest:
    """Noise blended with a gradient; the first of `TRIES` such frames whose scores are not all equal.

    The same for the same network. A network that gives equal scores for all of them keeps the last.
    """
    colours, rows, columns = network.input_shape
    gradient = np.linspace(0, 255, rows)[:, None] / 2 + np.linspace(0, 255, columns) / 2
    for seed in range(TRIES):
        noise = np.random.default_rng(seed).integers(0, 256, network.input_shape)
        frame = ((gradient + noise) / 2).astype(np.uint8).reshape(colours, rows, columns)
        scores = simulate(network, frame[None])[0]
        if scores.min() != scores.max():
            break
    return SelfTest(frame, scores.astype(np.int16))
