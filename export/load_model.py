"""A model file of either kind, told apart by its content: a network file (npz) or a QONNX file."""

from __future__ import annotations

import logging
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.export.network_file import load_network

# The two files of an exported model, wherever they lie: in a run, a build or the zoo.
ONNX, NETWORK = "model.onnx", "network.npz"

LOG = logging.getLogger(__name__)

_ZIP = b"PK\x03\x04"


class ModelFileError(OwlbitError):
    """A path at which there is no model file."""


def load_model(path: str | Path, input_range: str | tuple[float, float] = "auto") -> Network:
    """The network in `path`. `input_range` is for QONNX files; see `owlbit.export.qonnx.read.read_model`.

    Raises OwlbitError, in one sentence, for a missing file, a folder, or a file of neither kind.
    """
    path = Path(path)
    if path.is_dir():
        raise ModelFileError(f"{path}: expected a model file (.onnx or network .npz), found a folder")
    if not path.is_file():
        raise ModelFileError(f"{path}: no such model file; expected a QONNX file or a network file of owlbit")
    LOG.info("reading the model %s", path)
    if is_network_file(path):
        return load_network(path)
    if path.stat().st_size == 0:
        raise ModelFileError(f"{path}: expected a model file (.onnx or network .npz), found an empty file")
    # ONNX takes a fifth of a second to import, which network files need not wait for.
    from owlbit.export.qonnx.read import read_qonnx

    return read_qonnx(path, input_range)


def is_network_file(path: Path) -> bool:
    """Whether `path` is a file that begins as a network file does; every other file is read as QONNX."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP
