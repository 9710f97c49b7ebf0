"""A model file of either kind, told apart by its content: a network file (npz) or a QONNX file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from owlbit.export.errors import OwlbitError
from owlbit.export.guard import reading
from owlbit.export.network import Network, Shape
from owlbit.export.network_file import load_network

if TYPE_CHECKING:
    from owlbit.export.qonnx.input_range import InputRange

# The two files of an exported model, wherever they lie: in a run, a build or the zoo.
ONNX, NETWORK = "model.onnx", "network.npz"

LOG = logging.getLogger(__name__)

_ZIP = b"PK\x03\x04"


class ModelFileError(OwlbitError):
    """A path at which there is no model file."""


def load_model(path: str | Path, input_range: InputRange | str = "auto", image_shape: Shape | None = None) -> Network:
    """The network in `path`. `input_range`, `image_shape` are for QONNX files; see `owlbit.export.qonnx.read.read_model`.

    What the reader of a QONNX file guessed, and what in it hangs on float rounding, is logged as a warning and in the network's
    notes. Raises OwlbitError, in one sentence, for a missing file, a folder, or a file of neither kind.
    """
    path = Path(path)
    if path.is_dir():
        raise ModelFileError(f"{path}: expected a model file (.onnx or network .npz), found a folder")
    if not path.is_file():
        raise ModelFileError(f"{path}: no such model file; expected a QONNX file or a network file of owlbit")
    LOG.info("reading the model %s", path)
    if is_network_file(path):
        network = load_network(path)
        if image_shape is not None and image_shape != network.input_shape:
            raise ModelFileError(
                f"{path}: expected an image shape of {'x'.join(map(str, network.input_shape))}, which this network file has, got "
                f"{'x'.join(map(str, image_shape))}; give the shape with the QONNX file"
            )
        return network
    if path.stat().st_size == 0:
        raise ModelFileError(f"{path}: expected a model file (.onnx or network .npz), found an empty file")
    # ONNX takes a fifth of a second to import, which network files need not wait for.
    from owlbit.export.qonnx.read import read_qonnx

    network = read_qonnx(path, input_range, image_shape)
    for note in network.notes:
        LOG.warning("%s: %s", path, note)
    return network


def is_network_file(path: Path) -> bool:
    """Whether `path` is a file that begins as a network file does; every other file is read as QONNX. Raises OwlbitError."""
    if not path.is_file():
        return False
    with reading(f"{path}: expected a QONNX file or a network file", OwlbitError), path.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP
