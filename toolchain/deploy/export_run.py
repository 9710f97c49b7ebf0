"""From trained weights to the two files everything after reads: model.onnx (QONNX) and network.npz (integers).

The integers are read back from the QONNX file, so what the hardware gets is what any other QONNX tool sees.
"""

from __future__ import annotations

from pathlib import Path

from owlbit.export.files import make_folder
from owlbit.export.from_torch import export_module
from owlbit.export.load_model import NETWORK, ONNX
from owlbit.export.network import Network
from owlbit.export.network_file import save_network
from owlbit.export.qonnx.read import read_qonnx
from owlbit.models.networks.brevitas_twin import brevitas_twin
from owlbit.models.networks.trainable import Trainable
from owlbit.toolchain.runs.build_net import deployable
from owlbit.toolchain.runs.weights import load_run


def export_run(folder: Path | str) -> Network:
    """Writes model.onnx and network.npz into the run folder of a finished training; returns the network.

    Raises OwlbitError where the run has not finished or its weights cannot be exported.
    """
    folder = Path(folder)
    run = load_run(folder)
    return export_net(run.net, folder, run.class_names, run.recipe.name)


def export_net(net: Trainable, folder: Path, class_names: tuple[str, ...], name: str) -> Network:
    """Writes model.onnx and network.npz of `net` into `folder`, made if missing; returns the network.

    Raises OwlbitError where `net` has a part that does not deploy.
    """
    twin = brevitas_twin(deployable(net).eval())
    make_folder(folder)
    export_module(twin, folder / ONNX, input_shape=net.input_shape, class_names=class_names, name=name)
    network = read_qonnx(folder / ONNX)
    save_network(network, folder / NETWORK)
    return network
