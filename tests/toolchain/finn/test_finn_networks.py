"""Networks that people have, through FINN: those of the zoo, and Brevitas' own with random weights; exact after every step."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from owlbit.export.load_model import load_model
from owlbit.hw.finn.build_finn import Options, build_finn
from owlbit.hw.finn.check_steps import check_steps, first_difference
from owlbit.hw.finn.step_names import FREE
from owlbit.models.layer_table import Conv
from owlbit.toolchain.data.synthetic import make_frames
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.runs.untrained_network import Random, untrained_network

pytest.importorskip("finn.custom_op", reason="finn-plus is not installed; `make finn` brings it, to Python 3.11")
PART = "xc7z020clg400-1"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rate"), [("digits", 1000), ("cifar10_1mb", 200)])
def test_networks_of_the_zoo(name: str, rate: float, tmp_path: Path) -> None:
    network = find_model(f"zoo:{name}").load()
    start = time.process_time()
    build_finn(network, tmp_path / name, Options(PART, frames_per_second=rate), lambda line: None)
    assert time.process_time() - start < 180
    checks = check_steps(tmp_path / name, make_frames(network.input_shape, 24))
    assert first_difference(checks) is None
    assert [check.step for check in checks] == list(FREE)


@pytest.mark.slow
def test_groups_of_4_with_shuffles_on_cifar_sized_images(tmp_path: Path) -> None:
    layers = (
        Conv(32, pool=2),
        Conv(64, groups=4),
        Conv(64, groups=4, shuffle=True, pool=2),
        Conv(128, groups=4, shuffle=True, pool=2),
    )
    network = untrained_network((3, 32, 32), 8, layers, 10, Random(0), "grouped")
    build_finn(network, tmp_path / "grouped", Options(PART, frames_per_second=500), lambda line: None)
    assert first_difference(check_steps(tmp_path / "grouped", make_frames(network.input_shape, 24))) is None


def test_tfc_of_brevitas(tmp_path: Path) -> None:
    pytest.importorskip("brevitas", reason="brevitas is not installed")
    from brevitas_models import random_model
    from owlbit.export.from_torch import export_module

    export_module(random_model("TFC_1W1A"), tmp_path / "tfc.onnx", input_shape=(1, 28, 28), name="tfc", input_scale=1 / 255)
    network = load_model(tmp_path / "tfc.onnx")
    build_finn(network, tmp_path / "tfc", Options(PART, frames_per_second=10_000), lambda line: None)
    images = np.random.default_rng(0).integers(0, 256, (6, 1, 28, 28), dtype=np.uint8)
    checks = check_steps(tmp_path / "tfc", images)
    assert first_difference(checks) is None and len(checks) == len(FREE)


@pytest.mark.slow
def test_cnv_of_brevitas(tmp_path: Path) -> None:
    """Its first layer reads 8-bit pixels: the file is built as it is, and compared with QONNX's executor."""
    pytest.importorskip("brevitas", reason="brevitas is not installed")
    import torch
    from brevitas.export import export_qonnx
    from typer.testing import CliRunner

    from brevitas_models import random_model
    from owlbit.toolchain.cli.app import app

    export_qonnx(random_model("CNV_1W1A"), torch.zeros(1, 3, 32, 32), str(tmp_path / "cnv.onnx"))
    words = ["build", "cnv.onnx", "--target", f"finn:{PART}", "--fps", "300", "--input-range", "unit", "--out", "cnv"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        images = np.random.default_rng(0).integers(0, 256, (24, 3, 32, 32), dtype=np.uint8)
        checks = check_steps(tmp_path / "cnv", images)
        assert first_difference(checks) is None and [check.step for check in checks] == list(FREE)
        verified = CliRunner().invoke(app, ["verify", "cnv"])
        assert verified.exit_code == 0 and verified.output.count("exact") >= 2, verified.output
