"""A folding: how much of each layer is computed at once, and its file.

The file is JSON, made to be edited by hand: `{"format": "owlbit-folding", "version": 1, "network": DIGEST, "layers": [...]}`, a
line per layer such as `{"layer": 1, "pe": 8, "simd": 16, "memory": "auto"}`.
Its digest stands for the sizes of the network's layers and not for the weights, so a folding outlives a new training.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from owlbit.export.errors import OwlbitError
from owlbit.export.files import read_limited, write_text
from owlbit.export.guard import one_line, reading
from owlbit.export.network import BinaryConv, BinaryLinear, Layer, Network, Scores

FORMAT = "owlbit-folding"
VERSION = 1
MEMORIES = ("auto", "ebr", "lut")
LARGEST_FILE = 1 << 20  # bytes; a network of 1,000 layers needs a tenth of it


class FoldingError(OwlbitError):
    """A folding that cannot be read, that is not of this network, or that the circuits do not take."""


@dataclass(frozen=True)
class LayerFolding:
    """How one layer with weights is folded.

    `layer`: index in `Network.layers` of a convolution, a linear layer or the scores; `pe`: filters that are computed at once;
    `simd`: inputs of each filter that are taken per cycle; `memory`: where its weights lie, "ebr" (block RAM), "lut" or "auto";
    `buffers`: the same for the part of its input map that it keeps.
    """

    layer: int
    pe: int
    simd: int
    memory: str = "auto"
    buffers: str = "auto"


@dataclass(frozen=True)
class Folding:
    """A `LayerFolding` for each layer with weights, in the order of the network."""

    layers: tuple[LayerFolding, ...]

    def of(self, layer: int) -> LayerFolding:
        """The folding of the layer with this index. Raises FoldingError where there is none."""
        for entry in self.layers:
            if entry.layer == layer:
                return entry
        raise FoldingError(f"folding: layer {layer} has no entry; expected one for each layer with weights")

    def save(self, path: Path, network: Network) -> None:
        """Writes the file, whole or not at all. Raises FoldingError where this is no folding of `network`."""
        self.check(network, "folding")
        entries = ",\n".join(f"    {json.dumps(asdict(entry))}" for entry in self.layers)
        head = f'  "format": "{FORMAT}",\n  "version": {VERSION},\n  "network": "{structure_digest(network)}",\n'
        write_text(path, f'{{\n{head}  "layers": [\n{entries}\n  ]\n}}\n')

    @classmethod
    def load(cls, path: Path, network: Network) -> Folding:
        """The folding of `network` in the file `path`. Raises FoldingError, naming file and layer, for anything else."""
        with reading(f"{path}: expected a folding file in JSON", FoldingError, "take the folding.json of a build as a pattern"):
            content = json.loads(read_limited(path, LARGEST_FILE).decode("utf-8"))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise FoldingError(f'{path}: expected a folding file, with "format": "{FORMAT}"; take the folding.json of a build')
        if content.get("version") != VERSION:
            raise FoldingError(
                f"{path}: this folding file has version {one_line(content.get('version'), 40)}, version {VERSION} is known; "
                "update owlbit"
            )
        if content.get("network") != structure_digest(network):
            raise FoldingError(
                f"{path}: expected a folding of {network.name!r} ({structure_digest(network)[:12]}...), got one of a network "
                f"with other layers ({one_line(content.get('network'), 12)}...); build without --folding to get one"
            )
        entries = content.get("layers")
        if not isinstance(entries, list):
            raise FoldingError(f'{path}: expected a list of "layers", got {one_line(entries, 40)}')
        folding = cls(tuple(_entry(path, number, entry) for number, entry in enumerate(entries)))
        folding.check(network, str(path))
        return folding

    def check(self, network: Network, source: str) -> None:
        """Raises FoldingError unless there is one entry for each layer with weights, in order. `source` begins the sentence.

        Which pairs of `pe` and `simd` the circuits take is the matter of `plan_dataflow`.
        """
        expected, found = [index for index, _ in weighted_layers(network)], [entry.layer for entry in self.layers]
        if found != expected:
            raise FoldingError(
                f"{source}: expected an entry for each layer with weights, in order ({', '.join(map(str, expected))}), "
                f"got {', '.join(map(str, found)) or 'none'}"
            )
        for entry in self.layers:
            for key, value in (("memory", entry.memory), ("buffers", entry.buffers)):
                if value not in MEMORIES:
                    raise FoldingError(
                        f"{source}: layer {entry.layer}: expected {key} to be one of {', '.join(MEMORIES)}, got {value!r}"
                    )
            if entry.pe < 1 or entry.simd < 1:
                raise FoldingError(
                    f"{source}: layer {entry.layer}: expected pe and simd of at least 1, got pe {entry.pe} and simd {entry.simd}"
                )


def weighted_layers(network: Network) -> Iterator[tuple[int, BinaryConv | BinaryLinear | Scores]]:
    """(index, layer) of each layer with weights, which are the layers that are folded."""
    for index, layer in enumerate(network.layers):
        if isinstance(layer, BinaryConv | BinaryLinear | Scores):
            yield index, layer


def structure_digest(network: Network) -> str:
    """SHA-256, in hex, of all that a folding depends on: the kinds, sizes and plain fields of the layers, without the weights."""
    facts = [list(network.input_shape), *(_facts(layer) for layer in network.layers)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _facts(layer: Layer) -> dict[str, Any]:
    facts: dict[str, Any] = {"kind": type(layer).__name__}
    for key in layer.__dataclass_fields__:
        value = getattr(layer, key)
        facts[key] = list(value.shape) if isinstance(value, np.ndarray) else value
    return facts


def _entry(path: Path, number: int, entry: Any) -> LayerFolding:
    known = set(LayerFolding.__dataclass_fields__)
    if not isinstance(entry, dict) or not {"layer", "pe", "simd"} <= entry.keys() <= known:
        raise FoldingError(
            f'{path}: entry {number} of "layers": expected layer, pe, simd and perhaps memory and buffers, '
            f"got {one_line(entry, 80)}"
        )
    for key in ("layer", "pe", "simd"):
        if type(entry[key]) is not int:
            raise FoldingError(
                f"{path}: layer {one_line(entry['layer'], 20)}: expected {key} to be a whole number, got {one_line(entry[key], 40)}"
            )
    return LayerFolding(**entry)
