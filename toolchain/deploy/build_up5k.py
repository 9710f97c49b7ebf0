"""From a model to what the UP5K boots: `owlbit build --target up5k`. Imports neither torch nor brevitas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from owlbit.export.files import filling
from owlbit.export.network import Network, Shape
from owlbit.hw.up5k.board import load_board
from owlbit.hw.up5k.build import BUILD
from owlbit.hw.up5k.wake_policy import NEVER, ChipPolicy
from owlbit.toolchain.deploy.model_files import write_model_files
from owlbit.toolchain.deploy.model_source import ModelSource

if TYPE_CHECKING:
    from owlbit.export.qonnx.input_range import InputRange


def build_model(
    source: ModelSource,
    out: Path,
    input_range: InputRange | str = "auto",
    image_shape: Shape | None = None,
    board: str | None = None,
    policy_for: Callable[[Network], ChipPolicy] = lambda network: NEVER,
) -> Network:
    """Compiles a model into the folder `out`: flash.bin, build.json, network.npz and model.onnx, so that it can be verified alone.

    `board`: name or file of a board, whose flash is made in place of the bare engine's, and network.bin beside it; `policy_for`:
    the wake policy of a network, which its flash image carries.

    `out` appears whole or not at all. `input_range`, `image_shape`: see `owlbit.export.qonnx.read.read_model`. Returns the network.
    Raises OwlbitError for a model that cannot be read, a network that the target cannot take, and an output path that is taken.
    """
    made_for = None if board is None else load_board(board)
    network = source.load(input_range, image_shape)
    policy = policy_for(network)
    from owlbit.hw.up5k.build import build_up5k

    with filling(out, BUILD) as folder:
        build_up5k(network, folder, policy, made_for)
        write_model_files(source, network, folder)
    return network
