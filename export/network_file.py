"""The file format of a `Network`: one npz archive, readable anywhere with numpy, and never unpickled.

Entry `header` is UTF-8 JSON as uint8: `format`, `version`, the network's plain fields, and one description a layer with its kind
and its plain fields. The arrays of layer i are the entries `i.weights`, `i.thresholds`, `i.permutation` and `i.select`; weight bits
are packed eight a byte, most significant bit first in C order, and their shape is in the layer's description.
Version 2 added the logic skip; a network without one is still written as version 1, which every release reads.
The same network always gives the same bytes.
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.files import replacing
from owlbit.export.network import (
    BinaryConv,
    BinaryLinear,
    ChannelShuffle,
    Layer,
    LogicSkip,
    Network,
    NetworkError,
    OrPool,
    Scores,
    Thermometer,
)

FORMAT = "owlbit network"
VERSION = 2

_KINDS: dict[str, type[Layer]] = {
    "thermometer": Thermometer,
    "binary_conv": BinaryConv,
    "or_pool": OrPool,
    "channel_shuffle": ChannelShuffle,
    "binary_linear": BinaryLinear,
    "logic_skip": LogicSkip,
    "scores": Scores,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_PLAIN = ("input_shape", "class_names", "name", "input_scale", "input_offset", "score_scale", "score_offset")
# A tuple in the type is a list in JSON.
_TUPLES = {"input_shape", "class_names", "kernel", "stride", "padding"}


class NetworkFileError(OwlbitError):
    """A file that is not a whole network file of a version known here."""


def save_network(network: Network, path: str | Path) -> None:
    """Writes `network` to `path` (npz), whole or not at all. Raises OwlbitError where `path` cannot be written."""
    arrays: dict[str, NDArray[Any]] = {}
    layers = []
    for index, layer in enumerate(network.layers):
        description: dict[str, Any] = {"kind": _NAMES[type(layer)]}
        for key in layer.__dataclass_fields__:
            value = getattr(layer, key)
            if key == "weights":
                description["weights_shape"] = list(value.shape)
                arrays[f"{index}.{key}"] = np.packbits(value)
            elif isinstance(value, np.ndarray):
                arrays[f"{index}.{key}"] = value
            else:
                description[key] = value
        layers.append(description)
    version = VERSION if any(isinstance(layer, LogicSkip) for layer in network.layers) else 1
    header = {"format": FORMAT, "version": version, **{key: getattr(network, key) for key in _PLAIN}, "layers": layers}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    # `savez` gives a file object what it is given; a path without ".npz" it would rename.
    with replacing(Path(path)) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_network(path: str | Path) -> Network:
    """The network in the file `path`, equal (`Network.same_as`) to the saved one.

    Raises NetworkFileError, in one sentence, for a missing file, a file that is no network file, is cut off or damaged, or is of a
    later version.
    """
    path = Path(path)
    if path.is_dir():
        raise NetworkFileError(f"{path}: expected a network file, found a folder")
    if not path.exists():
        raise NetworkFileError(f"{path}: no such file; `owlbit export` and `owlbit build` write network files")
    if not zipfile.is_zipfile(path):
        raise NetworkFileError(f"{path}: expected a network file (npz), but this is none or it was cut off; write it again")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        header = json.loads(arrays["header"].tobytes().decode()) if "header" in arrays else None
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError, MemoryError) as error:
        raise NetworkFileError(f"{path}: this network file is damaged ({error}); write it again") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise NetworkFileError(f"{path}: expected a network file, but this npz archive holds something else")
    version = header.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise NetworkFileError(
            f"{path}: this network file has version {version}, versions up to {VERSION} are known; update owlbit"
        )
    try:
        layers = tuple(_layer(index, description, arrays) for index, description in enumerate(header["layers"]))
        fields: dict[str, Any] = {key: tuple(header[key]) if key in _TUPLES else header[key] for key in _PLAIN}
        return Network(layers=layers, **fields)
    except (NetworkError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise NetworkFileError(f"{path}: this network file is damaged ({error}); write it again") from None


def _layer(index: int, description: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Layer:
    fields: dict[str, Any] = {key: tuple(value) if key in _TUPLES else value for key, value in description.items()}
    kind: type[Layer] = _KINDS[fields.pop("kind")]
    shape = fields.pop("weights_shape", None)
    for key in kind.__dataclass_fields__:
        if f"{index}.{key}" in arrays:
            array = arrays[f"{index}.{key}"]
            fields[key] = _unpack(array, shape) if key == "weights" else array
    return kind(**fields)


def _unpack(packed: NDArray[Any], shape: list[int]) -> NDArray[np.uint8]:
    count = math.prod(shape)
    if packed.size != -(-count // 8):
        raise ValueError(f"expected {-(-count // 8)} bytes of weights, got {packed.size}")
    return np.unpackbits(packed, count=count).reshape(shape)
