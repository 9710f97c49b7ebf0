"""Tensors whose values lie in a second file beside the ONNX file, as torch writes them by default, taken into the model.

Source: https://onnx.ai/onnx/repo-docs/ExternalData.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import helper

from owlbit.export.qonnx.graph import QonnxError


def take_in_external_data(model: onnx.ModelProto, path: Path) -> None:
    """Puts the values into `model`, which was read from `path`, of all its tensors that are in another file of the same folder.

    Raises QonnxError for a file in another place, for one that is missing or too short, and for tensors that claim more bytes than
    it has.
    """
    files: dict[str, memoryview] = {}
    taken: dict[str, int] = {}
    for tensor in _tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        described = {entry.key: entry.value for entry in tensor.external_data}
        name = described.get("location", "")
        if name not in files:
            files[name] = memoryview(_beside(path, name, tensor.name).read_bytes())
        content = files[name]
        size = _size(tensor, path)
        start, length = _number(described.get("offset", "0")), _number(described.get("length", str(size)))
        taken[name] = taken.get(name, 0) + size
        if length != size or start < 0 or start + size > len(content) or taken[name] > len(content):
            raise QonnxError(
                f"{path}: tensor {tensor.name}: expected {size:,} bytes from {start:,} on in {name}, which has {len(content):,}; "
                "the file is damaged or of another model, write both again"
            )
        tensor.raw_data = bytes(content[start : start + size])
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def _beside(path: Path, name: str, tensor: str) -> Path:
    """The file `name` in the folder of `path`, and nowhere else."""
    where = f"{path}: tensor {tensor}: its values are in another file, {name!r}"
    if not name or name in (".", "..") or any(each in name for each in "/\\:\0"):
        raise QonnxError(f"{where}; expected the name of a file in the same folder; save the model with its tensors beside it")
    file = path.parent / name
    if not file.is_file():
        raise QonnxError(f"{where}, which is not there; copy it beside the ONNX file, or save the model with all tensors inside")
    if file.resolve().parent != path.parent.resolve():
        raise QonnxError(f"{where}, a link to another folder, which is not followed; copy the file beside the ONNX file")
    return file


def _size(tensor: onnx.TensorProto, path: Path) -> int:
    """Bytes of the tensor's values."""
    try:
        item: int = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, TypeError, ValueError):
        raise QonnxError(f"{path}: tensor {tensor.name}: expected numbers, got type {tensor.data_type}") from None
    if min(tensor.dims, default=0) < 0:
        raise QonnxError(f"{path}: tensor {tensor.name}: expected sizes of at least 0, got {list(tensor.dims)[:8]}")
    return int(math.prod(tensor.dims)) * item


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else -1
