"""What a file made elsewhere takes for pixels, the axes of images, and what ranks: the options, the files and the messages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from command_line import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import load_model
from owlbit.export.network import Network
from owlbit.export.qonnx.execute import execute_values
from owlbit.export.qonnx.read import read_model
from owlbit.toolchain.cli.pixels import given_range, given_shape
from qonnx_builder import Builder


def write(path: Path, thresholds: list[float], end: str = "", shape: tuple[int, ...] = (1, 1, 8, 8)) -> Path:
    """A network of 3x3 filters on one threshold per copy of a pixel."""
    b = Builder(2)
    copies = b.add("Conv", "x", np.ones((len(thresholds), 1, 1, 1)))
    x = b.add("BipolarQuant", b.add("Sub", copies, np.reshape(thresholds, (-1, 1, 1))), 1.0)
    x = b.add("BipolarQuant", b.norm(b.add("Conv", x, b.weights(16, len(thresholds), 3, 3)), 16), 1.0)
    x = b.head(x, 16 * 36, 3)
    return b.save(path, b.norm(x, 3, [1.0, -0.5, 2.0]) if end == "norm" else x, shape)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Six images as images.npy in the working folder."""
    monkeypatch.chdir(tmp_path)
    made = np.random.default_rng(0).integers(0, 256, (6, 1, 8, 8), dtype=np.uint8)
    np.save("images.npy", made)
    return made


def test_scores_with_factors_are_float32_on_every_level(images: np.ndarray) -> None:
    """The same on every level, in --scores, in the Python API, and as the executor ranks them; the build says what was guessed."""
    import owlbit as api

    write(Path("m.onnx"), [60.5, 150.5], "norm")
    read = read_model("m.onnx", "uint8")
    expected = execute_values("m.onnx", read.file_inputs(images))
    for level in ("fast", "reference"):
        done = owlbit("simulate", "m.onnx", "--images", "images.npy", "--scores", "s.npy", "--level", level)
        assert done.code == 0 and "taken for pixel values 0..255 (uint8)" in done.err, done
        scores = np.load("s.npy")
        assert scores.dtype == np.float32
        np.testing.assert_array_equal(scores, expected)
    np.testing.assert_array_equal(api.simulate("m.onnx", images), expected)
    assert owlbit("build", "m.onnx", "--out", "up5k").code == 0
    built = json.loads(Path("up5k/build.json").read_text())
    assert built["input"] == {"scale": 1.0, "offset": 0.0} and "taken for pixel values" in built["notes"][0]
    done = owlbit("verify", "up5k", "--up-to", "fast")
    assert done.code == 0 and done.out.count("exact") == 4, done.out  # a line and a row for qonnx and fast
    np.testing.assert_array_equal(api.simulate("up5k", images), expected)


def test_whole_scores_stay_integers(images: np.ndarray) -> None:
    write(Path("m.onnx"), [60.5, 150.5])
    assert owlbit("simulate", "m.onnx", "--images", "images.npy", "--scores", "s.npy").code == 0
    assert np.load("s.npy").dtype == np.int32


def test_a_range_that_may_be_several_is_asked_for(images: np.ndarray) -> None:
    write(Path("m.onnx"), [-0.5, 0.5, 1.2])
    done = owlbit("simulate", "m.onnx", "--images", "images.npy")
    assert done.code == 2 and "or normalised by mean and deviation; give the input range" in done.err
    words = ["simulate", "m.onnx", "--images", "images.npy", "--scores"]
    assert owlbit(*words, "a.npy", "--input-mean", "0.5", "--input-deviation", "0.25").code == 0
    assert owlbit(*words, "b.npy", "--input-scale", str(1 / 255 / 0.25), "--input-offset=-2").code == 0
    np.testing.assert_array_equal(np.load("a.npy"), np.load("b.npy"))
    done = owlbit(*words, "c.npy", "--input-range", "unit", "--input-scale", "1")
    assert done.code == 2 and "expected one of them" in done.err


def test_another_networks_build_is_not_booted(images: np.ndarray) -> None:
    write(Path("m.onnx"), [60.5, 150.5])
    write(Path("other.onnx"), [90.5, 150.5])
    assert owlbit("build", "other.onnx", "--out", "up5k").code == 0
    done = owlbit("simulate", "m.onnx", "--images", "images.npy", "--level", "rtl", "--build", "up5k")
    assert done.code == 2 and "expected a build of the network 'm', found one of another network" in done.err
    assert owlbit("simulate", "other.onnx", "--images", "images.npy", "--level", "rtl", "--build", "up5k").code == 0
    Path("up5k/network.npz").unlink()
    done = owlbit("simulate", "other.onnx", "--images", "images.npy", "--level", "rtl", "--build", "up5k")
    assert done.code == 2 and "expected network.npz beside flash.bin, which says what was built, found none" in done.err


@pytest.mark.parametrize("level", ["fast", "reference"])
def test_a_build_goes_with_a_level_that_boots_it(images: np.ndarray, level: str) -> None:
    write(Path("m.onnx"), [60.5, 150.5])
    done = owlbit("simulate", "m.onnx", "--images", "images.npy", "--level", level, "--build", "nowhere")
    assert done.code == 2 and f"expected level rtl or bitstream, which boot the flash image of a build, got {level}" in done.err


def test_images_in_the_axes_of_the_file(images: np.ndarray) -> None:
    write(Path("m.onnx"), [60.5, 150.5])
    np.save("last.npy", images.transpose(0, 2, 3, 1))
    np.save("flat.npy", images.reshape(6, -1))
    for name in ("images", "last", "flat"):
        done = owlbit("simulate", "m.onnx", "--images", f"{name}.npy", "--scores", f"{name}-scores.npy")
        assert done.code == 0 and ("taken as [N, C, H, W]" in done.err) == (name == "last")
        np.testing.assert_array_equal(np.load(f"{name}-scores.npy"), np.load("images-scores.npy"))


def test_a_vector_becomes_an_image(images: np.ndarray) -> None:
    b = Builder(1)
    x = b.add("BipolarQuant", b.add("Sub", "x", 99.5), 1.0)
    x = b.add("BipolarQuant", b.norm(b.add("MatMul", x, b.weights(64, 16)), 16), 1.0)
    b.save(Path("m.onnx"), b.add("MatMul", x, b.weights(16, 3)), (1, 64))
    np.save("flat.npy", images.reshape(6, -1))
    words = ["simulate", "m.onnx", "--images", "flat.npy", "--scores"]
    assert owlbit(*words, "a.npy").code == owlbit(*words, "b.npy", "--image-shape", "1,8,8").code == 0
    np.testing.assert_array_equal(np.load("a.npy"), np.load("b.npy"))
    assert owlbit("build", "m.onnx", "--out", "up5k", "--image-shape", "1,8,8").code == 0
    assert load_model("up5k/network.npz").input_shape == (1, 8, 8)
    done = owlbit("verify", "up5k", "--up-to", "fast")
    assert done.code == 0 and done.out.count("exact") == 4, done.out
    done = owlbit("sense", "m.onnx", "--headless")
    assert done.code == 2 and "of a network on a vector give --image-shape" in done.err


def test_tensors_in_a_second_file_are_inside_the_build(images: np.ndarray) -> None:
    model = onnx.load(write(Path("m.onnx"), [60.5, 150.5]))
    onnx.save(model, "m.onnx", save_as_external_data=True, location="m.onnx.data", size_threshold=0)
    assert owlbit("build", "m.onnx", "--out", "up5k").code == 0
    Path("m.onnx.data").unlink()
    done = owlbit("verify", "up5k", "--up-to", "fast")
    assert done.code == 0 and done.out.count("exact") == 4, done.out


def test_ranges_of_all_options() -> None:
    assert given_range("unit", None, None, None, None) == "unit"
    assert given_range("auto", "2,3,4", None, None, None) == ((2.0, 3.0, 4.0), (0.0,))
    assert given_range("auto", None, "1", None, None) == ((1.0,), (1.0,))
    assert given_range("auto", None, None, "0.5,0.25", "0.5") == ((1 / 127.5,) * 2, (-1.0, -0.5))
    assert given_shape(None) is None and given_shape("1,28,28") == (1, 28, 28)
    for wrong in (("auto", "a", None, None, None), ("auto", "1", None, "1", None), ("auto", None, None, "1,2", "1,2,3")):
        with pytest.raises(OwlbitError):
            given_range(*wrong)
    for text in ("28,28", "1,28,x", "1,0,28", "1,28,-1", "1,28,99999999999999999999"):
        with pytest.raises(OwlbitError, match="expected channels, rows and columns"):
            given_shape(text)


def test_notes_do_not_count_as_another_network(tmp_path: Path) -> None:
    network = load_model(write(tmp_path / "m.onnx", [60.5]), "uint8")
    assert isinstance(network, Network) and network.same_as(load_model(tmp_path / "m.onnx", "auto"))
