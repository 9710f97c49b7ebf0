"""Files of other tools through a FINN build: input ranges, factors per class, padded pools, scales of the last weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from command_line import owlbit
from qonnx_builder import Builder

pytest.importorskip("finn.custom_op", reason="finn-plus is not installed; `make finn` brings it, to Python 3.11")
PART = "finn:xc7z020clg400-1"
RANGES = {"unit": (1 / 255, 0.0), "signed": (2 / 255, -1.0)}


def binary_file(path: Path, scale: float, offset: float) -> None:
    """A thermometer on floats, a pool with padding, and a normalisation of the scores."""
    b = Builder(3)
    copies = b.add("Conv", "x", np.ones((2, 1, 1, 1)))
    x = b.add("BipolarQuant", b.add("Sub", copies, np.reshape([60.5, 150.5], (2, 1, 1)) * scale + offset), 1.0)
    x = b.add("BipolarQuant", b.norm(b.add("Conv", x, b.weights(8, 2, 3, 3)), 8), 1.0)
    x = b.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    b.save(path, b.norm(b.head(x, 8 * 9, 4), 4, [1.0, -0.5, 2.0, 0.3]), (1, 1, 8, 8))


def eight_bit_file(path: Path, weights: float) -> None:
    """A first layer on 8-bit pixels, as CNV has it, and last weights of a scale."""
    b = Builder(4)
    x = b.add("Quant", b.add("Sub", b.add("Mul", "x", 2.0), 1.0), 1 / 128, 0.0, 8.0, signed=1, narrow=0, rounding_mode="ROUND")
    x = b.norm(b.add("Conv", x, b.add("BipolarQuant", b.rng.normal(size=(8, 3, 3, 3)), weights), pads=[1, 1, 1, 1]), 8)
    x = b.add("MaxPool", b.add("BipolarQuant", x, 1.0), kernel_shape=[2, 2], strides=[2, 2])
    x = b.norm(b.add("Conv", x, b.add("BipolarQuant", b.rng.normal(size=(8, 8, 3, 3)), weights)), 8)
    flat = b.add("Reshape", b.add("BipolarQuant", x, 1.0), b.constant([1, 32], np.int64))
    b.save(path, b.add("MatMul", flat, b.add("BipolarQuant", b.rng.normal(size=(32, 4)), weights)), (1, 3, 8, 8))


def verdicts(folder: str) -> list[tuple[str, str]]:
    done = owlbit("verify", folder)
    assert "24 MHz" not in done.out
    rows = json.loads((Path(folder) / "verification.json").read_text())
    return [(row["backend"], row["status"]) for row in rows]


@pytest.mark.parametrize("name", ["unit", pytest.param("signed", marks=pytest.mark.slow)])
def test_floats_in_the_file_and_factors_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    binary_file(Path("m.onnx"), *RANGES[name])
    words = ["build", "m.onnx", "--target", PART, "--fps", "100", "--input-range", name, "--out", "b"]
    done = owlbit(*words, "--to", "step_create_dataflow_partition")
    assert done.code == 0, done
    exact = [(backend, "exact") for backend in ("qonnx", "fast", "finn-streamlined", "finn-hw")]
    assert verdicts("b") == [("reference", "reference"), ("torch", "not run"), *exact]


@pytest.mark.parametrize("weights", [0.1, pytest.param(1.0, marks=pytest.mark.slow)])
def test_eight_bit_pixels_and_scaled_last_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: float) -> None:
    monkeypatch.chdir(tmp_path)
    eight_bit_file(Path("m.onnx"), weights)
    words = ["build", "m.onnx", "--target", PART, "--fps", "100", "--input-range", "unit", "--out", "b"]
    done = owlbit(*words, "--to", "step_create_dataflow_partition")
    assert done.code == 0, done
    assert verdicts("b") == [("qonnx", "reference"), ("finn-streamlined", "exact"), ("finn-hw", "exact")]
    done = owlbit("simulate", "m.onnx", "--images", "m.onnx", "--input-range", "unit")
    assert done.code == 2 and "build it with --target finn:PART, which takes 8-bit first layers" in done.err
