"""Network files that are damaged, foreign or too new, and `load_model` over both kinds of file: one sentence each."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import load_model
from owlbit.export.network import ChannelShuffle, Layer, LogicSkip, Network, Scores
from owlbit.export.network_file import NetworkFileError, load_network, save_network
from owlbit.export.qonnx.write import write_qonnx
from random_networks import random_network, random_thermometer


@pytest.fixture
def network() -> Network:
    return random_network(np.random.default_rng(8))


def refused(path: Path, match: str) -> None:
    with pytest.raises(NetworkFileError, match=match) as error:
        load_network(path)
    assert str(error.value).startswith(f"{path}: ")


def rewrite(path: Path, **changes: Any) -> None:
    """Changes the header of a network file."""
    with np.load(path) as archive:
        arrays = dict(archive)
    header = {**json.loads(arrays["header"].tobytes()), **changes}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def test_every_field_comes_back(tmp_path: Path, network: Network) -> None:
    names = tuple(f"Klasse {index}: ö" for index in range(network.classes))
    full = Network(
        network.input_shape,
        network.layers,
        names,
        "eule",
        1 / 255,
        -0.5,
        np.linspace(0, 2, network.classes, dtype=np.float32),
        np.full(network.classes, 3.7, np.float32),
        ("a note",),
    )
    save_network(full, tmp_path / "model")
    assert load_network(tmp_path / "model").same_as(full) and load_network(tmp_path / "model").notes == ("a note",)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_later_version(tmp_path: Path, network: Network) -> None:
    path = tmp_path / "model.npz"
    save_network(network, path)
    rewrite(path, version=4)
    refused(path, "this network file has version 4, versions up to 3 are known; update owlbit")


def skipping(gate: str, select: list[int] | None) -> Network:
    """Two bits of one pixel, joined with themselves in the other order."""
    thermometer = random_thermometer(np.random.default_rng(0), 1, 2, True)
    skip = LogicSkip(0, gate, None if select is None else np.array(select, np.uint8))
    layers: tuple[Layer, ...] = (thermometer, ChannelShuffle(np.array([1, 0])), skip, Scores(np.eye(2, dtype=np.uint8)))
    return Network((1, 1, 1), layers)


@pytest.mark.parametrize(("gate", "select"), [("or", None), ("xor", None), ("mux", [1, 0])])
def test_a_logic_skip_needs_version_two(tmp_path: Path, gate: str, select: list[int] | None) -> None:
    path = tmp_path / "model.npz"
    save_network(skipping(gate, select), path)
    assert load_network(path).same_as(skipping(gate, select))
    with np.load(path) as archive:
        header = json.loads(archive["header"].tobytes())
    assert header["version"] == 2
    save_network(Network((1, 1, 1), (*skipping(gate, select).layers[:2], Scores(np.eye(2, dtype=np.uint8)))), path)
    with np.load(path) as archive:
        assert json.loads(archive["header"].tobytes())["version"] == 1


@pytest.mark.parametrize("change", [{"source": 1}, {"source": "0"}, {"source": -1}, {"gate": "nand"}, {"gate": "mux"}])
def test_damaged_logic_skip(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "model.npz"
    save_network(skipping("or", None), path)
    with np.load(path) as archive:
        layers = json.loads(archive["header"].tobytes())["layers"]
    layers[2].update(change)
    rewrite(path, layers=layers)
    refused(path, "this network file is damaged .*logic skip: expected")


@pytest.mark.parametrize(
    "changes",
    [
        {"layers": []},
        {"layers": 3},
        {"layers": [{"kind": "attention"}]},
        {"input_shape": [1, 2]},
        {"score_scale": 0},
        {"class_names": ["a"]},
    ],
)
def test_damaged_header(tmp_path: Path, network: Network, changes: dict[str, Any]) -> None:
    path = tmp_path / "model.npz"
    save_network(network, path)
    rewrite(path, **changes)
    refused(path, "this network file is damaged")


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    refused(path, "no such file")
    refused(tmp_path, "found a folder")
    path.write_bytes(b"\x93NUMPY garbage")
    refused(path, "expected a network file")
    np.savez(path, images=np.zeros(3))
    refused(path, "holds something else")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, header=np.array([{"format": "owlbit network"}], dtype=object))
    refused(path, "damaged")


def test_every_truncation_and_many_flipped_bytes(tmp_path: Path, network: Network) -> None:
    """A cut file never loads; a changed byte is found by the archive's checksums, unless it is in a part without meaning."""
    path = tmp_path / "model.npz"
    save_network(network, path)
    whole = path.read_bytes()
    for size in range(0, len(whole), 61):
        path.write_bytes(whole[:size])
        with pytest.raises(NetworkFileError):
            load_network(path)
    rng = np.random.default_rng(0)
    for _ in range(150):
        changed = bytearray(whole)
        changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(changed))
        try:
            assert load_network(path).same_as(network)
        except NetworkFileError as error:
            assert str(error)


def test_load_model_goes_by_content(tmp_path: Path, network: Network) -> None:
    save_network(network, tmp_path / "a.onnx")
    write_qonnx(network, tmp_path / "b.npz")
    assert load_model(tmp_path / "a.onnx").same_as(network)
    assert load_model(tmp_path / "b.npz").shapes[-1] == network.shapes[-1]


def test_load_model_refuses(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((2, 3)))
    for name, content, match in (
        ("empty", b"", "found an empty file"),
        ("garbage", b"hello there", "expected an ONNX file"),
        ("array", buffer.getvalue(), "expected an ONNX file"),
        ("zip", b"PK\x03\x04 and then nothing", "expected a network file"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(OwlbitError, match=match):
            load_model(tmp_path / name)
    with pytest.raises(OwlbitError, match="no such model file"):
        load_model(tmp_path / "nothing.onnx")
    with pytest.raises(OwlbitError, match="found a folder"):
        load_model(tmp_path)


def entries(path: Path) -> dict[str, Any]:
    with np.load(path) as archive:
        return dict(archive)


@pytest.mark.parametrize(
    "changes",
    [
        {"input_scale": float("nan")},
        {"input_scale": 0.0},
        {"input_scale": "1"},
        {"input_scale": [1.0, 2.0, 3.0, 4.0, 5.0]},
        {"input_offset": 1e300},
        {"class_names": "0123456789"},
        {"class_names": [1, 2]},
        {"name": ["a"]},
        {"name": None},
        {"notes": "text"},
        {"input_shape": [1.0, 8.0, 6.0]},
        {"input_shape": [True, 8, 6]},
        {"input_shape": [2**40, 2**40, 2**40]},
        {"input_shape": [1, 5000, 5000]},
        {"score_scale": float("inf")},
        {"score_scale": 1e30, "score_offset": 1e39},
        {"score_scale": None},
        {"version": True},
        {"version": 0},
        {"version": "1" * 5000},
    ],
)
def test_header_fields_of_another_type_or_size(tmp_path: Path, network: Network, changes: dict[str, Any]) -> None:
    path = tmp_path / "model.npz"
    save_network(network, path)
    rewrite(path, **changes)
    with pytest.raises(NetworkFileError) as error:
        load_network(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 700


@pytest.mark.parametrize("key", ["groups", "stride", "padding", "kernel", "weights_shape", "kind", "source"])
@pytest.mark.parametrize("value", [None, 1.5, "2", [1.0, 1.0], {"a": 1}, [2**70, 2**70], True, [], -1])
def test_layers_of_another_type(tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "model.npz"
    save_network(random_network(np.random.default_rng(8)), path)
    layers = json.loads(entries(path)["header"].tobytes())["layers"]
    rewrite(path, layers=[{**layer, key: value} for layer in layers])
    refused(path, "this network file is damaged")


def npy(array: Any, **changes: Any) -> bytes:
    """An npy file, its header changed."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape, **changes}
    )
    return buffer.getvalue() + bytes(array.tobytes())


@pytest.mark.parametrize(
    ("name", "content", "compression"),
    [
        ("weights.npy", npy(np.zeros(3)), zipfile.ZIP_DEFLATED),
        ("../../0.weights.npy", npy(np.zeros(3)), zipfile.ZIP_DEFLATED),
        ("0.thresholds.npy", npy(np.zeros(3), shape=(2**70,)), zipfile.ZIP_DEFLATED),
        ("0.thresholds.npy", npy(np.zeros(3), shape=(2**40,)), zipfile.ZIP_DEFLATED),
        ("0.thresholds.npy", npy(np.zeros(3), shape=(-3,)), zipfile.ZIP_DEFLATED),
        ("0.thresholds.npy", npy(np.zeros(3), descr="|O"), zipfile.ZIP_DEFLATED),
        ("0.thresholds.npy", npy(np.zeros(3), descr="<M8[s]"), zipfile.ZIP_DEFLATED),
        ("0.thresholds.npy", npy(np.zeros(3))[:-1], zipfile.ZIP_DEFLATED),
        ("0.thresholds.npy", b"\x93NUMPY\x01\x00\x04\x00{'d(", zipfile.ZIP_DEFLATED),
        ("0.thresholds.npy", b"", zipfile.ZIP_DEFLATED),
        ("0.thresholds.npy", npy(np.zeros(3)), zipfile.ZIP_LZMA),
        ("0.thresholds.npy", npy(np.zeros(3)), zipfile.ZIP_BZIP2),
        ("0.thresholds.npy", npy(np.zeros(8 << 20, np.uint8)), zipfile.ZIP_DEFLATED),
    ],
)
def test_entries_that_are_no_arrays(tmp_path: Path, network: Network, name: str, content: bytes, compression: int) -> None:
    path = tmp_path / "model.npz"
    save_network(network, path)
    with zipfile.ZipFile(path, "a", compression) as archive:
        if name in archive.namelist():
            name = f"{len(network.layers) + 1}.{name.partition('.')[2]}"
        archive.writestr(name, content)
    if len(content) < 1 << 20:
        refused(path, "this network file is damaged")
    else:
        assert load_network(path).same_as(network)  # an array of a layer that there is not, within the limit


def test_archives_that_grow_beyond_all_bounds(tmp_path: Path, network: Network) -> None:
    """40 kB that say that they are 40 MB, and two entries of one name."""
    path = tmp_path / "model.npz"
    save_network(network, path)
    whole = path.read_bytes()
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("90.thresholds.npy", npy(np.zeros(40 << 20, np.uint8)))
    refused(path, r"entries of 4[12],\d+,\d+ bytes in all")
    path.write_bytes(whole)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("header.npy", npy(np.zeros(3, np.uint8)))
    refused(path, "an entry occurs twice")


def test_a_deep_header(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, header=np.frombuffer(b"[" * 200_000, np.uint8))
    refused(path, "this network file is damaged")
    np.savez(path, header=np.frombuffer(b'{"version": ' + b"1" * 5000 + b"}", np.uint8))
    refused(path, "this network file is damaged")
