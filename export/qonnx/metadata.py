"""What a QONNX file of ours says about itself in `metadata_props`: its name, its classes, and what its input stands for.

Keys: `owlbit.name` (text), `owlbit.class_names` (JSON list of texts) and `owlbit.input` (JSON object: `dtype` "uint8", `layout`
"NCHW", `shape` [C, H, W], `scale` and `offset`: pixel value v enters the file as the float32 nearest to `v * scale + offset`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from owlbit.export.network import Shape


@dataclass(frozen=True)
class Metadata:
    """What was found; None or empty where the file says nothing."""

    name: str | None
    class_names: tuple[str, ...]
    input_shape: Shape | None
    scale: float | None
    offset: float | None


def set_metadata(
    model: onnx.ModelProto, input_shape: Shape, class_names: Sequence[str], name: str, scale: float = 1.0, offset: float = 0.0
) -> None:
    """Writes the keys above into `model`, replacing what was there."""
    described = {"dtype": "uint8", "layout": "NCHW", "shape": list(input_shape), "scale": scale, "offset": offset}
    found = {entry.key: entry.value for entry in model.metadata_props}
    found["owlbit.name"] = name
    found["owlbit.class_names"] = json.dumps(list(class_names))
    found["owlbit.input"] = json.dumps(described)
    onnx.helper.set_model_props(model, found)


def get_metadata(model: onnx.ModelProto) -> Metadata:
    """The keys above, read leniently: an entry that is damaged counts as absent."""
    found = {entry.key: entry.value for entry in model.metadata_props}
    try:
        names = tuple(str(name) for name in json.loads(found.get("owlbit.class_names", "[]")))
    except (ValueError, TypeError):
        names = ()
    shape: Shape | None = None
    scale = offset = None
    try:
        described = json.loads(found["owlbit.input"])
        channels, height, width = (int(size) for size in described["shape"])
        shape, scale, offset = (channels, height, width), float(described["scale"]), float(described["offset"])
    except (ValueError, TypeError, KeyError):
        pass
    return Metadata(found.get("owlbit.name"), names, shape, scale, offset)
