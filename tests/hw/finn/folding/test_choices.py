"""Legal settings, the check of folding files and FINN's estimates, on a small hardware graph. Needs finn-plus, no Vivado."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from finn_graphs import pooled_network
from owlbit.export.errors import OwlbitError
from owlbit.hw.finn.folding.check_folding import check_folding, read_folding
from owlbit.hw.finn.folding.choices import Settings, layers_of, legal_values
from owlbit.hw.finn.folding.choose_folding import step_owlbit_fold
from owlbit.hw.finn.folding.compare_parts import compare_parts
from owlbit.hw.finn.folding.estimates import estimate
from owlbit.hw.finn.folding.search import fold_for_rate, frontier
from owlbit.hw.finn.tools import finn_environment

pytest.importorskip("finn.custom_op", reason="finn-plus is not installed; `make finn` brings it")

PART = "xc7z020clg400-1"
CLOCK = 100e6
LEGAL: dict[str, Settings] = {
    "ConvolutionInputGenerator_rtl_0": {"SIMD": 8},
    "MVAU_hls_0": {"PE": 4, "SIMD": 18},
    "ConvolutionInputGenerator_rtl_1": {"SIMD": 4},
    "Pool_hls_0": {"PE": 4},
    "MVAU_hls_1": {"PE": 2, "SIMD": 32},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with finn_environment(tmp_path_factory.mktemp("finn"), None):
        yield pooled_network()


def folded(model: Any, folding: Mapping[str, Settings]) -> Any:
    from finn.transformation.general import ApplyConfig

    return model.transform(ApplyConfig({"Defaults": {}, **folding}))


def test_legal_values_divide_what_a_layer_has(model: Any) -> None:
    legal = {node.name: legal_values(node) for node in model.graph.node}
    assert legal["MVAU_hls_0"]["PE"] == (1, 2, 4, 8, 16)
    assert legal["MVAU_hls_0"]["SIMD"] == (1, 2, 3, 4, 6, 8, 9, 12, 18, 24, 36, 72)
    assert legal["ConvolutionInputGenerator_rtl_0"]["SIMD"] == (1, 2, 4, 8)
    assert legal["Pool_hls_0"] == {"PE": (1, 2, 4, 8, 16)}
    assert legal["MVAU_hls_1"]["PE"] == (1, 2, 5, 10)


def test_a_window_is_folded_with_the_pool_behind_it(model: Any) -> None:
    layers = {layer.name: layer for layer in layers_of(model, PART)}
    assert layers["Pool_hls_0"].nodes == ("ConvolutionInputGenerator_rtl_1", "Pool_hls_0")
    assert all(window["SIMD"] == pool["PE"] for window, pool in (choice.settings for choice in layers["Pool_hls_0"].choices))


@pytest.mark.parametrize("rate", [1_000, 20_000, 60_000, 150_000])
def test_a_found_folding_costs_what_finn_then_says(model: Any, rate: float) -> None:
    folding = fold_for_rate(layers_of(model, PART), rate, CLOCK)
    check_folding(model, folding.settings())
    after = estimate(folded(model, folding.settings()), PART, CLOCK)
    assert (after.cycles, after.luts, after.bram18) == (folding.cycles, folding.luts, folding.bram18)
    assert after.frames_per_second >= rate


@pytest.mark.parametrize("rate", [1_000, 20_000, 60_000])
def test_no_more_luts_than_finns_own_folding_for_the_same_cycles(model: Any, rate: float) -> None:
    from finn.transformation.fpgadataflow.set_folding import SetFolding

    finns = estimate(model.transform(SetFolding(int(CLOCK // rate))), PART, CLOCK)
    comparators = sum(item.luts or 0 for item in finns.left_out if item.what.startswith("thresholds"))
    ours = fold_for_rate(layers_of(model, PART), finns.frames_per_second, CLOCK)
    assert ours.luts <= finns.luts + comparators  # ours names the memory of thresholds, so that FINN counts them


def test_finns_own_report_has_the_same_sums(model: Any) -> None:
    from finn.analysis.fpgadataflow.res_estimation import res_estimation

    found = estimate(folded(model, LEGAL), PART, CLOCK)
    finns = res_estimation(folded(model, LEGAL), PART)
    assert found.luts == sum(row["LUT"] for row in finns.values())
    assert found.bram18 == sum(row["BRAM_18K"] for row in finns.values())
    assert {layer.name: layer.luts for layer in found.layers} == {name: row["LUT"] for name, row in finns.items()}


def test_the_estimate_names_what_it_leaves_out(model: Any) -> None:
    found = estimate(folded(model, LEGAL), PART, CLOCK)
    left_out = {item.what.split(",")[0].split(" ")[0]: item for item in found.left_out}
    assert left_out["Pool"].count == 1 and left_out["Pool"].luts is None
    assert left_out["thresholds"].luts in (61, 62)  # memory and comparators of 4 PEs, 7 bits each, times 1.1
    assert left_out["converters"].count == 2  # 8 to 18 and 4 to 32 channels; the convolution's 4 are the pool's
    assert found.luts_with_left_out > found.luts
    assert found.bottleneck.name == "MVAU_hls_0" and found.cycles == 64 * (72 // 18) * (16 // 4)


def test_the_frontier_gains_luts_for_cycles_only(model: Any) -> None:
    found = frontier(layers_of(model, PART))
    assert [folding.cycles for folding in found] == sorted({folding.cycles for folding in found})
    assert [folding.luts for folding in found] == sorted({folding.luts for folding in found}, reverse=True)


def test_parts_are_compared_with_their_bitstreams(model: Any) -> None:
    on = {one.part.device: one for one in compare_parts(estimate(folded(model, LEGAL), PART), layers_of(model, PART))}
    assert on["xc7s15"].fits and on["xc7s15"].part.bitstream_bytes < 1_000_000
    assert on["xc7s15"].best is not None and on["xczu3eg"].best is not None
    assert on["xc7s15"].best.cycles >= on["xczu3eg"].best.cycles
    assert on["xc7s15"].best.luts <= 0.7 * 8_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"MVAU_hls_0": {"PE": 3}}, r"f.json: MVAU_hls_0: PE = 3 is not legal; expected one of 1, 2, 4, 8, 16"),
        ({"MVAU_hls_0": {"PE": 4, "SIMD": "18"}}, r"MVAU_hls_0: SIMD = '18' is not legal; expected one of 1, 2, 3"),
        ({"MVAU_hls_7": {"PE": 1, "SIMD": 1}}, r"expected layers of this network \(.*\), got MVAU_hls_7; a folding file fits one"),
        ({"Pool_hls_0": {"PE": 8}}, r"Generator_rtl_1: expected SIMD = 8, the PE of Pool_hls_0 that it feeds, got 4"),
        ({"Pool_hls_0": {"SIMD": 8}}, r"Pool_hls_0 has no SIMD; expected one of its settings: PE"),
        (
            {"ConvolutionInputGenerator_rtl_0": {"SIMD": 4, "parallel_window": 1}},
            r"ConvolutionInputGenerator_rtl_0: parallel_window = 1 needs SIMD = 8; got SIMD = 4, parallel_window = 1",
        ),
        ({"MVAU_hls_1": {"PE": 2, "SIMD": 32, "mem_mode": "nowhere"}}, r"MVAU_hls_1: mem_mode = 'nowhere' is not what FINN takes"),
    ],
)
def test_an_illegal_folding_is_refused_in_one_sentence(model: Any, change: dict[str, Settings], words: str) -> None:
    check_folding(model, LEGAL, "f.json")
    with pytest.raises(OwlbitError, match=words):
        check_folding(model, LEGAL | change, "f.json")


def test_a_folding_that_leaves_a_layer_out_is_refused(model: Any) -> None:
    with pytest.raises(OwlbitError, match="expected settings for every layer with weights, MVAU_hls_1 has none"):
        check_folding(model, {name: settings for name, settings in LEGAL.items() if name != "MVAU_hls_1"})


def test_a_build_folds_by_rate_by_part_and_by_file(model: Any, tmp_path: Path) -> None:
    cfg = SimpleNamespace(
        output_dir=str(tmp_path), fpga_part=PART, synth_clk_period_ns=10.0, target_fps=20_000, folding_config_file=None
    )
    by_rate = estimate(step_owlbit_fold(model, cfg), PART, CLOCK)
    assert by_rate.frames_per_second >= 20_000
    cfg.target_fps, cfg.folding_config_file = None, str(tmp_path / "folding.json")
    assert estimate(step_owlbit_fold(model, cfg), PART, CLOCK) == by_rate  # the file that the first build left
    cfg.folding_config_file = None
    by_part = estimate(step_owlbit_fold(model, cfg), PART, CLOCK)
    assert by_part.cycles < by_rate.cycles and by_part.luts <= 0.7 * 53_200
    cfg.fpga_part = "xc7z045ffg900-2"
    with pytest.raises(OwlbitError, match="--fps, which needs no budget"):
        step_owlbit_fold(model, cfg)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "expected JSON such as"),
        ("[1]", "expected a JSON object of layers, got list"),
        ('{"Defaults": {"PE": [1, ["all"]]}}', r'expected "Defaults": {}, got settings in it'),
        ('{"MVAU_hls_0": 3}', "MVAU_hls_0: expected numbers and words by name"),
    ],
)
def test_a_file_that_is_no_folding_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "folding.json").write_text(content, encoding="utf-8")
    with pytest.raises(OwlbitError, match=words):
        read_folding(tmp_path / "folding.json")


def test_a_folding_file_is_read_back(tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match="cannot be read"):
        read_folding(tmp_path / "none.json")
    (tmp_path / "folding.json").write_text(json.dumps({"Defaults": {}, **LEGAL}), encoding="utf-8")
    assert read_folding(tmp_path / "folding.json") == LEGAL
