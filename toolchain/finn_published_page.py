"""The words and tables of docs/finn_report.md: CNV_1W1A by FINN's estimate and as published. Numbers in, Markdown out."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from owlbit.hw.finn.folding.estimates import Estimates, LeftOut

LANES, COUNT_BITS = 32, 10  # of the processing element that is synthesised: most of CNV's are of this size

# What others report for this network at this folding: (source, how, LUTs, block RAMs of 36 kbit, of 18 kbit).
PUBLISHED = (
    ("Xilinx/finn, pull request 209 (2020)", "whole Zynq design, placed and routed", 21_135, 98, 9),
    ("design-space study with FINN 0.10", "out-of-context synthesis, no shell", 20_466, 98, 0),
)

HEAD = """# FINN's estimate and a published design: CNV_1W1A

Made by `python -m owlbit.toolchain.finn_published` (needs `make finn`). The network is CNV_1W1A of brevitas_examples on an XC7Z020 at
{clock:g} MHz, folded as FINN's own example: PE x SIMD {folding}.

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

## Frames a second

{rate:,.0f} frames/s is what the slowest layer allows when no layer ever waits for another. The study simulated 1,726 frames/s for
this folding, 2,255 once the pipeline is full; it does not say which layers wait.
"""


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
