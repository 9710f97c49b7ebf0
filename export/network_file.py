"""The file format of a `Network`: one npz archive, readable anywhere with numpy, and never unpickled.

Entry `header` is UTF-8 JSON as uint8: `format`, `version`, the network's plain fields, and one description a layer with its kind
and its plain fields. The arrays of layer i are the entries `i.weights`, `i.thresholds`, `i.permutation` and `i.select`; weight bits
are packed eight per byte, most significant bit first in C order, and their shape is in the layer's description.
`score_factors` and `score_offsets` are float32 entries where the network has them, `notes` a list in the header.
Version 2 added the logic skip, version 3 factors and offsets per class and an input scale per colour; a network without them is
still written as version 1, which every release reads.
The same network always gives the same bytes.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.files import replacing
from owlbit.export.guard import one_line, reading
from owlbit.export.layers import whole_numbers
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
from owlbit.export.npz import read_npz

FORMAT = "owlbit network"
VERSION = 3
SKIPS, FACTORS = 2, 3  # the versions that brought logic skips, and factors and offsets per class

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
_PLAIN = ("input_shape", "class_names", "name", "input_scale", "input_offset")
_ENTRIES = re.compile(r"header|score_factors|score_offsets|\d{1,4}\.(weights|thresholds|permutation|select)")


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
    header = {"format": FORMAT, "version": _version(network), **{key: getattr(network, key) for key in _PLAIN}, "layers": layers}
    if network.score_factors is not None and network.score_offsets is not None:
        arrays["score_factors"], arrays["score_offsets"] = network.score_factors, network.score_offsets
    else:
        header |= {"score_scale": 1.0, "score_offset": 0.0}  # what the versions before 3 look for
    if network.notes:
        header["notes"] = network.notes
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    # `savez` gives a file object what it is given; a path without ".npz" it would rename.
    with replacing(Path(path)) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _version(network: Network) -> int:
    """The oldest version that has all that the network has."""
    if network.score_factors is not None or isinstance(network.input_scale, tuple) or isinstance(network.input_offset, tuple):
        return FACTORS
    return SKIPS if any(isinstance(layer, LogicSkip) for layer in network.layers) else 1


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
    with reading(f"{path}: this network file is damaged", NetworkFileError, "write it again"):
        arrays = read_npz(path, _ENTRIES) if "header.npy" in zipfile.ZipFile(path).namelist() else {}
        header = json.loads(arrays["header"].tobytes().decode()) if arrays else None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise NetworkFileError(f"{path}: expected a network file, but this npz archive holds something else")
    version = header.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise NetworkFileError(
            f"{path}: this network file has version {one_line(version, 40)}, versions up to {VERSION} are known; update owlbit"
        )
    with reading(f"{path}: this network file is damaged", NetworkFileError, "write it again"):
        try:
            return _network(header, arrays)
        except NetworkError as error:
            raise NetworkFileError(f"{path}: this network file is damaged ({error}); write it again") from None


def _network(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Network:
    layers = tuple(_layer(index, description, arrays) for index, description in enumerate(header["layers"]))
    fields: dict[str, Any] = {key: _tuples(header[key]) for key in _PLAIN}
    factors: Any = arrays.get("score_factors")
    offsets: Any = arrays.get("score_offsets")
    if header["version"] < FACTORS:  # one factor and one offset for all classes, in the header
        factors, offsets = np.array([header["score_scale"]]), np.array([header["score_offset"]])
        if factors.dtype.kind not in "if" or not factors[0] > 0:
            raise NetworkError(f"expected a positive score scale, got {header['score_scale']}")
    return Network(layers=layers, **fields, score_factors=factors, score_offsets=offsets, notes=header.get("notes", ()))


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _layer(index: int, description: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Layer:
    fields: dict[str, Any] = {key: _tuples(value) for key, value in description.items()}
    kind: type[Layer] = _KINDS[fields.pop("kind")]
    shape = fields.pop("weights_shape", None)
    for key in kind.__dataclass_fields__:
        if f"{index}.{key}" in arrays:
            array = arrays[f"{index}.{key}"]
            fields[key] = _unpack(array, shape) if key == "weights" else array
    return kind(**fields)


def _unpack(packed: NDArray[Any], shape: Any) -> NDArray[np.uint8]:
    sizes = whole_numbers(shape, len(shape), 1, "weights_shape")
    count = math.prod(sizes)
    if packed.size != -(-count // 8):
        raise ValueError(f"expected {-(-count // 8)} bytes of weights, got {packed.size}")
    return np.unpackbits(packed, count=count).reshape(sizes)
