"""A board of a test's own, with a bitstream that is only bytes, and a build for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import owlbit
from owlbit.export.network import Network
from owlbit.export.network_file import save_network
from owlbit.hw.up5k.board import BOARDS
from random_networks import random_fitting_network

BITSTREAM = b"bitstream" * 1000


def make_board(folder: Path, base: str = "icesugar", **edits: str) -> Path:
    """The file of a board like `base`, called mine; `edits`: old text to new, `_` standing for a space."""
    text = (BOARDS / f"{base}.toml").read_text().replace(f'name = "{base}"', 'name = "mine"', 1)
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "mine.toml"
    path.write_text(text)
    path.with_suffix(".bin").write_bytes(BITSTREAM)
    return path


def gray_network(seed: int = 1) -> Network:
    """A small network for gray images."""
    for each in range(seed, seed + 100):
        network = random_fitting_network(np.random.default_rng(each), max_size=9)
        if network.input_shape[0] == 1 and network.classes > 1:
            return network
    raise AssertionError


def make_build(folder: Path, network: Network | None = None, wake: Path | None = None) -> Path:
    """A build folder for the board of `make_board`."""
    board = make_board(folder)
    save_network(network or gray_network(), folder / "network.npz")
    return owlbit.build(folder / "network.npz", folder / "build", board=board, wake=wake)
