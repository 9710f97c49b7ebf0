"""Builds for AMD parts by FINN, as far as they go without Vivado: exact after every step, gone on with, refused in one sentence."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from owlbit.export.errors import OwlbitError
from owlbit.export.network import BinaryConv, BinaryLinear, ChannelShuffle, Layer, Network, OrPool, Scores, Thermometer
from owlbit.export.network_file import load_network
from owlbit.hw.external_tools import ToolMissing
from owlbit.hw.finn.build_finn import Options, build_finn
from owlbit.hw.finn.build_folder import BuildFolder
from owlbit.hw.finn.check_steps import check_steps, first_difference
from owlbit.hw.finn.legality import FinnError
from owlbit.hw.finn.step_names import FREE, LAST_FREE, STEP_NAMES
from owlbit.hw.finn.tools import find_vivado
from owlbit.toolchain.runs.untrained_network import random_bits
from random_networks import random_images, random_network

pytest.importorskip("finn.custom_op", reason="finn-plus is not installed; `make finn` brings it, to Python 3.11")
PART = "xc7z020clg400-1"


def quiet(line: str) -> None:
    """Nobody reads it."""


@pytest.fixture(autouse=True)
def no_vivado(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XILINX_VIVADO", raising=False)
    monkeypatch.delenv("FINN_BUILD_DIR", raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not Path(p, "vivado").is_file()))


def small_network(seed: int = 0) -> Network:
    """10x10 in colour, groups of 4 with shuffles, pooling, a hidden linear layer."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = [Thermometer(np.tile(np.array([40, 90, 140, 200]), (3, 1)))]
    shape = layers[0].output_shape((3, 10, 10))
    for filters, groups, pool in ((16, 4, True), (16, 4, False), (16, 4, True)):
        weights = random_bits(rng, filters, shape[0] // groups, 3, 3)
        conv = BinaryConv(
            weights,
            rng.integers(weights[0].size // 3, weights[0].size * 2 // 3, filters, dtype=np.int32),
            groups,
            padding=(1, 1, 1, 1),
        )
        layers += [conv, *([OrPool()] if pool else []), ChannelShuffle.of_groups(filters, groups)]
        for layer in layers[-2 - pool :]:
            shape = layer.output_shape(shape)
    layers.append(BinaryLinear(random_bits(rng, 12, int(np.prod(shape))), rng.integers(28, 36, 12, dtype=np.int32)))
    return Network((3, 10, 10), (*layers, Scores(random_bits(rng, 5, 12))), name="small")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole build of the small network, up to where Vivado would be needed."""
    out = tmp_path_factory.mktemp("finn") / "small"
    build_finn(small_network(), out, Options(PART, frames_per_second=2000), quiet)
    return out


def test_every_step_is_exact(built: Path) -> None:
    network = load_network(built / "network.npz")
    checks = check_steps(built, random_images(np.random.default_rng(0), network, 4))
    assert [check.step for check in checks] == list(FREE)
    assert first_difference(checks) is None


def test_sources_and_estimates_are_there(built: Path) -> None:
    state = BuildFolder(built).read()
    assert state is not None and state.state == "done" and [step.name for step in state.steps] == list(FREE)
    folders = sorted(path.name for path in (built / "sources").iterdir())
    assert any("MVAU_hls" in name for name in folders) and any("ConvolutionInputGenerator_rtl" in name for name in folders)
    assert list((built / "sources").glob("*MVAU_hls*/top_*.cpp")) and list((built / "sources").glob("*FMPadding_rtl*/*.v"))
    estimate = json.loads((built / "report" / "estimate_network_performance.json").read_text(encoding="utf-8"))
    assert estimate["estimated_throughput_fps"] >= 2000


def test_the_host_keeps_layout_and_the_affine_end_only(built: Path) -> None:
    parent = onnx.load(str(built / "intermediate_models" / "dataflow_parent.onnx"))
    assert [node.op_type for node in parent.graph.node] == ["Transpose", "StreamingDataflowPartition", "Mul", "Add"]


@pytest.mark.parametrize("step", ["step_owlbit_streamline", "step_specialize_layers"])
def test_the_first_step_that_differs_is_named(built: Path, tmp_path: Path, step: str) -> None:
    """One weight bit of the scores is flipped in the graph of one step."""
    shutil.copytree(built, tmp_path / "copy")
    file = tmp_path / "copy" / "intermediate_models" / f"{step}.onnx"
    model = onnx.load(str(file))
    product = [node for node in model.graph.node if node.op_type in ("XnorPopcountMatMul", "MVAU_hls")][-1]
    (weights,) = [tensor for tensor in model.graph.initializer if tensor.name == product.input[1]]
    values = numpy_helper.to_array(weights).copy()
    values[0, 0] = 1 - values[0, 0]
    weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    onnx.save(model, str(file))
    network = load_network(built / "network.npz")
    wrong = first_difference(check_steps(tmp_path / "copy", random_images(np.random.default_rng(0), network, 2)))
    assert wrong is not None and wrong.step == step and "scores differ" in wrong.difference


def test_a_build_goes_on_from_a_step(built: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    network = small_network()
    build_finn(network, out, Options(PART, frames_per_second=2000, last="step_specialize_layers"), quiet)
    lines: list[str] = []
    build_finn(network, out, Options(PART, frames_per_second=2000, first="step_owlbit_fold"), lines.append)
    assert [step for step in STEP_NAMES if any(line.startswith(f"{step}:") for line in lines)] == list(
        FREE[FREE.index("step_owlbit_fold") :]
    )
    assert "last step that needs no Vivado" in lines[-1] and "--from step_hw_ipgen" in lines[-1]
    for report in ("estimate_layer_cycles.json", "estimate_layer_resources.json"):
        assert (out / "report" / report).read_bytes() == (built / "report" / report).read_bytes()


def refused(network: Network, out: Path, options: Options, words: str) -> None:
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} if out.is_dir() else {}
    with pytest.raises(OwlbitError, match=words):
        build_finn(network, out, options, quiet)
    assert before == ({path: path.read_bytes() for path in out.rglob("*") if path.is_file()} if out.is_dir() else {})


def test_a_half_finished_build_is_left_alone_and_gone_on_with(tmp_path: Path) -> None:
    network, out = small_network(), tmp_path / "half"
    build_finn(network, out, Options(PART, frames_per_second=100, last="step_owlbit_lower"), quiet)
    state = json.loads((out / "build.json").read_text(encoding="utf-8"))
    (out / "build.json").write_text(json.dumps(state | {"state": "building"}), encoding="utf-8")  # as a kill leaves it
    refused(network, out, Options(PART), "stopped after step_owlbit_lower; go on with `--from step_owlbit_streamline`")
    build_finn(network, out, Options(PART, first="step_owlbit_streamline", last="step_owlbit_streamline"), quiet)
    assert (out / "intermediate_models" / "step_owlbit_streamline.onnx").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            Options(PART, first="step_hw_codegen"),
            "expected the graph of step_generate_estimate_reports, found those of step_qonnx_to_finn",
        ),
        (Options("xc7z010clg400-1", first="step_tidy_up"), "expected a build for xc7z010clg400-1, found one for xc7z020clg400-1"),
        (Options(PART, first="step_imagine"), "--from: expected one of step_qonnx_to_finn, .*, got 'step_imagine'"),
        (Options(PART, last="step_synthesize_bitfile"), "--to step_synthesize_bitfile: this step needs Vivado, and none was found"),
        (Options(PART, first="step_tidy_up", last="step_qonnx_to_finn"), "expected a step before that of --to"),
        (Options(PART, frames_per_second=0.0), "--fps: expected more than 0"),
        (Options(PART, board="Pynq-Z9"), "--board: expected a board of FINN .*Pynq-Z1.*, got 'Pynq-Z9'"),
        (Options(PART, board="ZCU104"), "--board ZCU104: expected its part xczu7ev-ffvc1156-2-e, got xc7z020clg400-1"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: Options, words: str) -> None:
    network, out = small_network(), tmp_path / "out"
    build_finn(network, out, Options(PART, frames_per_second=100, last="step_qonnx_to_finn"), quiet)
    refused(network, out, options, words)


def test_going_on_with_another_network(tmp_path: Path) -> None:
    build_finn(small_network(), tmp_path / "out", Options(PART, frames_per_second=100, last="step_qonnx_to_finn"), quiet)
    refused(small_network(1), tmp_path / "out", Options(PART, first="step_tidy_up"), "found one of another network")
    refused(
        small_network(), tmp_path / "none", Options(PART, first="step_tidy_up"), "expected a FINN build to go on with .* found none"
    )


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    refused(small_network(), tmp_path, Options(PART, frames_per_second=100), "holds other files")
    refused(
        small_network(), tmp_path / "thesis.tex", Options(PART, frames_per_second=100), "expected a folder to write, found a file"
    )


def test_finn_build_dir_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FINN_BUILD_DIR", str(tmp_path / "file" / "inside"))
    with pytest.raises(OwlbitError, match=r"FINN_BUILD_DIR: expected a folder that can be written, got .*file/inside"):
        build_finn(small_network(), tmp_path / "out", Options(PART, frames_per_second=100), quiet)
    assert not (tmp_path / "out").exists()


def test_finn_build_dir_is_used_and_the_environment_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINN_BUILD_DIR", str(tmp_path / "elsewhere"))
    before = dict(os.environ)
    build_finn(small_network(), tmp_path / "out", Options(PART, frames_per_second=100, last="step_qonnx_to_finn"), quiet)
    assert (tmp_path / "elsewhere").is_dir() and not (tmp_path / "out" / "sources").exists()
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [("Vivado/2019.1", "expected version 2022.2 and 2024.2, got Vivado 2019.1"), ("Vivado/new", "got no version in the name")],
)
def test_vivado_of_an_unsupported_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("XILINX_VIVADO", str(tmp_path / name))
    refused(small_network(), tmp_path / "out", Options(PART, frames_per_second=100), words)
    monkeypatch.setenv("XILINX_VIVADO", str(tmp_path / "nowhere"))
    refused(small_network(), tmp_path / "out", Options(PART, frames_per_second=100), "nowhere, which does not exist")


def test_a_supported_vivado_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Vivado" / "2024.2").mkdir(parents=True)
    monkeypatch.setenv("XILINX_VIVADO", str(tmp_path / "Vivado" / "2024.2"))
    found = find_vivado()
    assert found is not None and found.version == "2024.2"


def test_another_finn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.2.0")
    with pytest.raises(ToolMissing, match=r"expected finn-plus 1\.6\.1, found finn-plus 1\.2\.0; run `make finn`"):
        build_finn(small_network(), tmp_path / "out", Options(PART), quiet)


def test_a_pool_with_gaps_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    network = Network((1, 6, 6), (Thermometer(np.array([[9]])), OrPool((1, 2), (2, 2)), Scores(random_bits(rng, 2, 9))))
    with pytest.raises(FinnError, match="pool1 pools 1x2 every 2x2, which leaves positions out"):
        build_finn(network, tmp_path / "out", Options(PART), quiet)
    assert not (tmp_path / "out").exists()


def pools_fit(network: Network) -> bool:
    pools = [layer for layer in network.layers if isinstance(layer, OrPool)]
    return all(layer.kernel[0] >= layer.stride[0] and layer.kernel[1] >= layer.stride[1] for layer in pools)


def check_random(seed: int, out: Path) -> None:
    """Every layer and option: odd kernels, paddings, strides, skips, shuffles, convolutions behind linear layers."""
    rng = np.random.default_rng(seed)
    while not pools_fit(network := random_network(rng, max_size=6, max_channels=8, blocks=2, levels=(1, 2, 4))):
        pass
    build_finn(network, out, Options(PART, frames_per_second=100, last="step_specialize_layers"), quiet)
    wrong = first_difference(check_steps(out, random_images(rng, network, 2)))
    assert wrong is None, (network.layers, wrong)


@pytest.mark.parametrize("seed", range(4))
def test_random_networks(seed: int, tmp_path: Path) -> None:
    check_random(seed, tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 24))
def test_more_random_networks(seed: int, tmp_path: Path) -> None:
    check_random(seed, tmp_path / "out")


def test_last_free_step_is_code_generation() -> None:
    assert LAST_FREE == "step_hw_codegen"
