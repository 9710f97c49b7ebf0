"""What a QONNX file of ours says about itself in `metadata_props`: its name, its classes, and what its input stands for.

Keys: `owlbit.name` (text), `owlbit.class_names` (JSON list of texts) and `owlbit.input` (JSON object: `dtype` "uint8", `layout`
"NCHW", `shape` [C, H, W], `scale` and `offset`, numbers or lists of one per colour: pixel value v enters the file as the float32
nearest to `v * scale + offset`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import onnx

from owlbit.export.network import Shape
from owlbit.export.qonnx.graph import QonnxError

PerColour: TypeAlias = float | tuple[float, ...]


@dataclass(frozen=True)
class Metadata:
    """What was found; None or empty where the file says nothing."""

    name: str | None
    class_names: tuple[str, ...]
    input_shape: Shape | None
    scale: PerColour | None
    offset: PerColour | None


# Deeper or longer texts in a file are damage.
_LONGEST = 1 << 20
_DEEPEST = 8


def set_metadata(
    model: onnx.ModelProto,
    input_shape: Shape,
    class_names: Sequence[str],
    name: str,
    scale: PerColour = 1.0,
    offset: PerColour = 0.0,
) -> None:
    """Writes the keys above into `model`, replacing what was there."""
    described = {"dtype": "uint8", "layout": "NCHW", "shape": list(input_shape), "scale": scale, "offset": offset}
    found = {entry.key: entry.value for entry in model.metadata_props}
    found["owlbit.name"] = name
    found["owlbit.class_names"] = json.dumps(list(class_names))
    found["owlbit.input"] = json.dumps(described)
    onnx.helper.set_model_props(model, found)


def get_metadata(model: onnx.ModelProto) -> Metadata:
    """The keys above. Raises QonnxError for an entry that is damaged."""
    found = {entry.key: entry.value for entry in model.metadata_props}
    names = _parsed(found, "owlbit.class_names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _damaged("owlbit.class_names", "a list of texts")
    described = _parsed(found, "owlbit.input", None)
    if described is None:
        return Metadata(found.get("owlbit.name"), tuple(names), None, None, None)
    sizes = described.get("shape") if isinstance(described, dict) else None
    if not isinstance(sizes, list) or len(sizes) != 3 or not all(type(size) is int and 0 < size <= 2**20 for size in sizes):
        raise _damaged("owlbit.input", "a shape of three sizes")
    scale, offset = _numbers(described.get("scale")), _numbers(described.get("offset"))
    if scale is None or offset is None:
        raise _damaged("owlbit.input", "scale and offset as numbers")
    return Metadata(found.get("owlbit.name"), tuple(names), (sizes[0], sizes[1], sizes[2]), scale, offset)


def _damaged(key: str, expected: str) -> QonnxError:
    return QonnxError(f"its metadata entry {key} is damaged: expected {expected}; write the file again, or remove the entry")


def _parsed(found: dict[str, str], key: str, default: Any) -> Any:
    """The JSON value of an entry. Raises QonnxError for text that is none, is too long or nests too deep."""
    if key not in found:
        return default
    text = found[key]
    depth = deepest = 0
    for each in text if len(text) <= _LONGEST else "":
        depth += (each in "[{") - (each in "]}")
        deepest = max(deepest, depth)
    if len(text) > _LONGEST or deepest > _DEEPEST:
        raise _damaged(key, f"JSON of up to {_LONGEST:,} characters that nests up to {_DEEPEST} deep")
    try:
        return json.loads(text)
    except ValueError:
        raise _damaged(key, "JSON") from None


def _numbers(value: Any) -> PerColour | None:
    entries = value if isinstance(value, list) else [value]
    if not entries or not all(type(entry) in (int, float) and abs(entry) < 1e30 for entry in entries):
        return None
    return tuple(float(entry) for entry in entries) if isinstance(value, list) else float(value)
