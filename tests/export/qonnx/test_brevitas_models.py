"""Models that Brevitas users have: its own 1-bit multilayer perceptrons, exported, lowered and simulated exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from brevitas_models import random_model
from owlbit.export.from_torch import ExportError, export_module
from owlbit.export.qonnx.execute import execute_qonnx, execute_values
from owlbit.export.qonnx.read import QonnxError, read_qonnx
from owlbit.hw.reference import simulate

torch.set_num_threads(1)


@pytest.mark.parametrize(("name", "images"), [("TFC_1W1A", 12), ("SFC_1W1A", 6), ("LFC_1W1A", 3)])
def test_multilayer_perceptrons(name: str, images: int, tmp_path: Path) -> None:
    module = random_model(name)
    path = tmp_path / f"{name}.onnx"
    classes = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    export_module(module, path, input_shape=(1, 28, 28), class_names=classes, name=name, input_scale=1 / 255)
    network = read_qonnx(path)
    assert (network.input_scale, network.input_offset, network.class_names, network.name) == (1 / 255, 0.0, classes, name)
    pixels = np.random.default_rng(0).integers(0, 256, (images, 1, 28, 28), dtype=np.uint8)
    scores = simulate(network, pixels)
    np.testing.assert_array_equal(network.ranked(scores), execute_qonnx(path, pixels))
    floats = execute_values(path, network.input_floats(pixels))
    np.testing.assert_allclose(floats, network.ranked(scores), rtol=1e-5, atol=1e-4)
    with torch.no_grad():
        np.testing.assert_allclose(floats, module(torch.from_numpy(network.input_floats(pixels))).numpy(), rtol=1e-4, atol=1e-4)


def test_the_input_range_is_found_without_our_metadata(tmp_path: Path) -> None:
    """As `brevitas.export.export_qonnx` leaves the file: 2x - 1 takes [0, 1] onto [-1, 1]."""
    from brevitas.export import export_qonnx

    path = tmp_path / "raw.onnx"
    export_qonnx(random_model("TFC_1W1A"), args=(torch.zeros(1, 1, 28, 28),), export_path=str(path), verbose=False)
    network = read_qonnx(path)
    assert (network.input_scale, network.input_offset) == (1 / 255, 0.0)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 1, 28, 28), dtype=np.uint8)
    np.testing.assert_array_equal(network.ranked(simulate(network, pixels)), execute_qonnx(path, pixels))


def test_an_eight_bit_first_layer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cnv.onnx"
    export_module(random_model("CNV_1W1A"), path, input_shape=(3, 32, 32), name="CNV_1W1A")
    with pytest.raises(QonnxError, match=r"Conv_0 \(Conv\): .* a first layer on 8-bit pixels is not supported"):
        read_qonnx(path, "unit")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_not_written(tmp_path: Path, value: float) -> None:
    linear = nn.Linear(4, 2)
    with torch.no_grad():
        linear.weight[0, 0] = value
    module = nn.Sequential(nn.Flatten(), linear)
    path = tmp_path / "model.onnx"
    with pytest.raises(ExportError, match=r"1\.weight: expected finite weights"):
        export_module(module, path, input_shape=(1, 2, 2))
    assert list(tmp_path.iterdir()) == []


def test_a_module_that_the_exporter_refuses(tmp_path: Path) -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 1 else -x

    with pytest.raises(ExportError, match="broken: the module cannot be exported to QONNX"):
        export_module(Branching(), tmp_path / "model.onnx", input_shape=(1, 2, 2), name="broken")
    assert list(tmp_path.iterdir()) == []


def test_the_module_comes_back_in_its_mode(tmp_path: Path) -> None:
    module = random_model("TFC_1W1A").train()
    export_module(module, tmp_path / "model.onnx", input_shape=(1, 28, 28))
    assert module.training
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model.onnx"]
