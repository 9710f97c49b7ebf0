"""The model itself in a build folder, so that the folder can be verified alone."""

from __future__ import annotations

from pathlib import Path

from owlbit.export.load_model import NETWORK, ONNX
from owlbit.export.network import Network
from owlbit.export.network_file import save_network
from owlbit.toolchain.deploy.model_source import ModelSource


def write_model_files(source: ModelSource, network: Network, folder: Path) -> None:
    """Writes network.npz and model.onnx of `network`, which is `source`'s, into `folder`.

    model.onnx is the QONNX file given, or the one beside the integer network given, or else written from that network.
    """
    from owlbit.export.qonnx.write import copy_model, write_qonnx

    save_network(network, folder / NETWORK)
    if source.onnx is not None:
        copy_model(source.onnx, folder / ONNX)
    else:
        write_qonnx(network, folder / ONNX)
