"""Any PyTorch module of our layers as a QONNX file and an integer network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_bytes
from owlbit.export.from_torch import export_module
from owlbit.export.network import Network, Shape
from owlbit.export.qonnx.graph import QonnxError
from owlbit.export.qonnx.read import read_qonnx
from owlbit.models.networks.brevitas_twin import with_brevitas_layers


def export_torch(
    module: nn.Module, path: str | Path, input_shape: Shape, class_names: Sequence[str] = (), name: str = ""
) -> Network:
    """Writes `module` in evaluation mode to the QONNX file `path` and returns the integer network read back from it.

    `module`: float32 images [N, C, H, W] of values 0..255 to scores float32 [N, classes], of the layers in `owlbit.models.layers`
    (`LearnedThermometer`, `BinaryConv2d`, `BinaryLinear`, `Sign`, `OrPool`, `ChannelShuffle`) with PyTorch's BatchNorm, MaxPool2d
    and Flatten between them, or of Brevitas' 1-bit layers; `input_shape`: (C, H, W); `name`: that of the file by default.
    Raises OwlbitError, and writes nothing, where it cannot be exported or computes what no network computes.
    """
    path = Path(path)
    title = name or path.stem
    try:
        twin = with_brevitas_layers(module)
    except ValueError as error:
        raise OwlbitError(f"{title}: {error}") from None
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        export_module(twin, file, input_shape=input_shape, class_names=class_names, name=title)
        try:
            network = read_qonnx(file)
        except QonnxError as error:
            reason = str(error).removeprefix(f"{file}: ")
            raise OwlbitError(f"{title}: the module is no network of binary layers: {reason}") from None
        write_bytes(path, file.read_bytes())
    return network
