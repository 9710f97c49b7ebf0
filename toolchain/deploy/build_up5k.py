"""From a model to what a target boots: `owlbit build`. Imports neither torch nor brevitas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from owlbit.export.errors import OwlbitError
from owlbit.export.files import filling
from owlbit.export.load_model import NETWORK, ONNX
from owlbit.export.network import Network, Shape
from owlbit.export.network_file import save_network
from owlbit.hw.up5k.board import load_board
from owlbit.hw.up5k.build import BUILD, TARGET
from owlbit.hw.up5k.wake_policy import NEVER, ChipPolicy
from owlbit.toolchain.deploy.model_source import ModelSource

if TYPE_CHECKING:
    from owlbit.export.qonnx.input_range import InputRange

TARGETS = (TARGET,)


def build_model(
    source: ModelSource,
    target: str,
    out: Path,
    input_range: InputRange | str = "auto",
    image_shape: Shape | None = None,
    board: str | None = None,
    policy_for: Callable[[Network], ChipPolicy] = lambda network: NEVER,
) -> Network:
    """Compiles a model into the folder `out`: flash.bin, build.json, network.npz and model.onnx, so that it can be verified alone.

    `board`: name or file of a board, whose flash is made in place of the bare engine's, and network.bin beside it; `policy_for`:
    the wake policy of a network, which its flash image carries.

    model.onnx is the QONNX file given, or the one beside the integer network given, or else written from that network. `out`
    appears whole or not at all. `input_range`, `image_shape`: see `owlbit.export.qonnx.read.read_model`. Returns the network.
    Raises OwlbitError for an unknown target, a model that cannot be read, a network that the target cannot take, and an output path
    that is taken.
    """
    if target not in TARGETS:
        raise OwlbitError(f"target {target!r}: expected one of {', '.join(TARGETS)} or finn:PART, PART being an AMD part")
    made_for = None if board is None else load_board(board)
    network = source.load(input_range, image_shape)
    policy = policy_for(network)
    from owlbit.export.qonnx.write import copy_model, write_qonnx
    from owlbit.hw.up5k.build import build_up5k

    with filling(out, BUILD) as folder:
        build_up5k(network, folder, policy, made_for)
        save_network(network, folder / NETWORK)
        if source.onnx is not None:
            copy_model(source.onnx, folder / ONNX)
        else:
            write_qonnx(network, folder / ONNX)
    return network
