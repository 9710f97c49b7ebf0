"""The folding file: written and read back, refused for another network, and refused by layer and value where it is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from owlbit.export.network import Network, Scores
from owlbit.hw.ecp5.folding_file import Folding, FoldingError, LayerFolding, structure_digest, weighted_layers
from random_networks import random_network


@pytest.fixture
def network() -> Network:
    return random_network(np.random.default_rng(3))


@pytest.fixture
def folding(network: Network) -> Folding:
    return Folding(tuple(LayerFolding(index, 1, 2, "lut") for index, _ in weighted_layers(network)))


def retrained(network: Network) -> Network:
    """The same layers with other weights in the last one."""
    last = network.layers[-1]
    assert isinstance(last, Scores)
    return Network(network.input_shape, (*network.layers[:-1], Scores(1 - last.weights)))


def test_it_is_read_as_it_was_written_also_for_retrained_weights(tmp_path: Path, network: Network, folding: Folding) -> None:
    path = tmp_path / "folding.json"
    folding.save(path, network)
    assert Folding.load(path, network) == folding == Folding.load(path, retrained(network))
    assert folding.of(folding.layers[-1].layer) == folding.layers[-1]
    with pytest.raises(FoldingError, match="layer 99 has no entry"):
        folding.of(99)


def test_another_network_is_refused(tmp_path: Path, network: Network, folding: Folding) -> None:
    path = tmp_path / "folding.json"
    folding.save(path, network)
    other = random_network(np.random.default_rng(4))
    assert structure_digest(other) != structure_digest(network)
    with pytest.raises(FoldingError, match=r"folding\.json: expected a folding of 'network' .* other layers .* without --folding"):
        Folding.load(path, other)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("pe", 0, "expected pe and simd of at least 1, got pe 0"),
        ("simd", 2.5, "expected simd to be a whole number, got 2.5"),
        ("simd", True, "expected simd to be a whole number, got True"),
        ("memory", "flash", "expected memory to be one of auto, ebr, lut, got 'flash'"),
        ("memory", ["lut"], "expected memory to be one of"),
        ("layer", 77, "expected an entry for each layer with weights, in order"),
        ("speed", 3, "expected layer, pe, simd and perhaps memory"),
    ],
)
def test_a_wrong_value_is_named_with_its_layer(
    tmp_path: Path, network: Network, folding: Folding, key: str, value: Any, said: str
) -> None:
    path = tmp_path / "folding.json"
    folding.save(path, network)
    content = json.loads(path.read_text())
    content["layers"][0][key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(FoldingError, match=rf"folding\.json: .*{said}"):
        Folding.load(path, network)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": "other"}', "\xff", '{"format": "owlbit-folding", "version": 2}', "null"]
)
def test_a_file_of_something_else_is_refused_in_one_line(tmp_path: Path, network: Network, text: str) -> None:
    path = tmp_path / "folding.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FoldingError) as caught:
        Folding.load(path, network)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_folding_with_a_layer_left_out_is_not_written(tmp_path: Path, network: Network, folding: Folding) -> None:
    with pytest.raises(FoldingError, match="expected an entry for each layer"):
        Folding(folding.layers[1:]).save(tmp_path / "folding.json", network)
    assert not list(tmp_path.iterdir())
