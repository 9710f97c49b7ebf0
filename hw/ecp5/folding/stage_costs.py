"""What a stage of a pipeline takes of a part, by its module and parameters: exact where the RTL instantiates cells, else fitted.

LUTs are counted in kinds, each of which has its own rate (`Rates`): measured LUTs per LUT that this page expects. `measure` fits
the rates to synthesised layers. Flip-flops lie beside the LUTs of an ECP5 and are not a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import ceil, log2
from typing import Any

from owlbit.hw.ecp5.weight_memory import weight_memory

CHAIN_SITES = 23  # of the sums on one chain of owl_count and owl_count_tree: 12 cells less the site that takes out the last carry
# Of a windowed layer's control: that of a flat layer per bit of its slice counter, and of its buffer, which has more counters.
FLAT_STAGE, BUFFER_STAGE, BUFFER_STAGE_BIT = 0.055, 0.1, 0.045
KINDS = ("lane", "ram", "rom", "logic", "stage")


@dataclass(frozen=True)
class Expected:
    """LUTs by kind: `lane` of carry chains, `ram` of LUT RAM with its read selectors, `rom` of ROMs, `logic` per bit of a word,
    `stage` of control; and `ebr` block RAMs."""

    lane: float = 0
    ram: float = 0
    rom: float = 0
    logic: float = 0
    stage: float = 0
    ebr: int = 0

    def __add__(self, other: Expected) -> Expected:
        return Expected(
            self.lane + other.lane,
            self.ram + other.ram,
            self.rom + other.rom,
            self.logic + other.logic,
            self.stage + other.stage,
            self.ebr + other.ebr,
        )


def stage_cost(module: str, given: Mapping[str, Any]) -> Expected:
    """What an instance of `module` of hw/ecp5/rtl with the parameters `given` takes. KeyError for a module without a cost here."""
    return _COSTS[module](given)


@cache
def lane_sites(products: int, total_bits: int) -> int:
    """LUT sites of an owl_lane of so many products: those of its carry chains, exactly."""
    leaves = (products + 3) // 4  # of owl_count for all but one product
    sites = 2 * ((total_bits + 2) // 2)
    if products == 2:
        sites += 2  # the carry of a single product is not used
    elif products > 2:
        numbers, bits = leaves, 1
        sites += _chains(numbers, bits)
        while numbers > 1:
            bits += 1
            sites += _chains(numbers // 2, bits)
            numbers -= numbers // 2
    return sites


def _chains(sums: int, bits: int) -> int:
    """LUT sites of so many sums of two numbers of `bits` bits, spread over chains as the RTL does."""
    if sums == 0:
        return 0
    chains = ceil(sums / max(CHAIN_SITES // (bits + 1), 1))
    each = ceil(sums / chains)
    total = 0
    for start in range(0, sums, each):
        total += 2 * ((min(each, sums - start) * (bits + 1) + 2) // 2)
    return total


def ram_luts(bits: int, words: int) -> float:
    """LUT sites of LUT RAM: six for four bits of 16 words, and what selects among the sixteens."""
    if bits == 0 or words == 0:
        return 0
    banks = ceil(words / 16)
    return 6 * ceil(bits / 4) * banks + bits * (banks - 1)


def rom_luts(bits: int, words: int) -> float:
    """LUTs of an owl_lut_rom: the multiplexers of up to 64 words cost none; of one word there are none, for it is a constant."""
    if words <= 1:
        return 0
    return bits * (ceil(words / 16) + ceil(words / 64) - 1)


def _memory(bits: int, words: int, block: int) -> Expected:
    """A buffer that is written while it is read."""
    if bits == 0 or words < 2:
        return Expected()
    return Expected(ebr=weight_memory(words, bits, "ebr").blocks) if block else Expected(ram=ram_luts(bits, words))


def _filters(given: Mapping[str, Any]) -> Expected:
    taps = given.get("ROWS", 1) * given.get("COLUMNS", 1)
    simd, pe, slices, passes = taps * given["CHANNELS"], given["PE"], given["SLICES"], given["PASSES"]
    words, bits = passes * slices, given["TOTAL_BITS"]
    own = Expected(
        lane=pe * lane_sites(simd, bits),
        rom=(0 if given["INITIAL_COLUMNS"] else rom_luts(pe * bits, passes * slices // given.get("SUM_SLICES", slices)))
        + rom_luts(given["LUT_BITS"], words)
        + max(given["BLOCK_ROWS"] - 1, 0) * (pe * simd - given["LUT_BITS"]) * 2 / 3,
        stage=FLAT_STAGE * ceil(log2(slices)) if given.get("FLAT", 1) else 1,
        ebr=given["BLOCK_ROWS"] * given["BLOCK_COLUMNS"] + given["INITIAL_COLUMNS"],
    )
    wide = simd * given.get("LANES", 1)
    if given.get("FLAT", 1):
        if passes == 1:
            return own
        control = BUFFER_STAGE + BUFFER_STAGE_BIT * ceil(log2(slices))
        return own + _memory(wide, 2 * slices, given["BUFFER_BLOCK"]) + Expected(stage=control)
    kept = given["COLUMNS"] if passes > 1 else given["COLUMNS"] - 1
    if slices > 1:
        own += Expected(ram=ram_luts(wide // given["COLUMNS"] * kept, slices))
    return own


def _layer(given: Mapping[str, Any]) -> Expected:
    return _filters(given) + Expected(ram=ram_luts(given["PE"], given["PLACES"]))


def _scores(given: Mapping[str, Any]) -> Expected:
    return _filters(given) + Expected(logic=given["PE"] * given["TOTAL_BITS"] + 16)


def _lines(given: Mapping[str, Any]) -> Expected:
    ring = _memory((given["ROWS"] - 1) * given["CHANNELS"], given["WIDTH"] * given["SLICES"], given["BLOCK"])
    return ring + Expected(logic=given["CHANNELS"] if given["ROWS"] > 1 and given["TOP"] + given["BOTTOM"] else 0, stage=0.5)


def _fifo(given: Mapping[str, Any]) -> Expected:
    return _memory(given["WIDTH"], given["DEPTH"], given["BLOCK"]) + Expected(stage=0.3)


def _reorder(given: Mapping[str, Any]) -> Expected:
    return Expected(logic=given["CHANNELS"] * (given["OUT"] != given["CHANNELS"]), stage=0.2)


def _pool(given: Mapping[str, Any]) -> Expected:
    across = (given["WIDTH"] - given["COLUMNS"]) // given["STRIDE_X"] + 1
    return _memory(given["BITS"], across * given["WORDS"], given["BLOCK"]) + Expected(logic=2 * given["BITS"], stage=0.6)


def _pool_window(given: Mapping[str, Any]) -> Expected:
    taps = given["ROWS"] * given["COLUMNS"]
    kept = given["ROWS"] * (given["COLUMNS"] - 1) * given["CHANNELS"]
    return Expected(ram=ram_luts(kept, given["SLICES"]), logic=given["CHANNELS"] * taps / 3, stage=0.5)


_COSTS: dict[str, Callable[[Mapping[str, Any]], Expected]] = {
    "owl_layer": _layer,
    "owl_scores": _scores,
    "owl_lines": _lines,
    "owl_fifo": _fifo,
    "owl_gather": lambda given: Expected(stage=0.1),
    "owl_split": lambda given: Expected(logic=given["OUT"] * (given["RATIO"] - 1), stage=0.1),
    "owl_reorder": _reorder,
    "owl_pool": _pool,
    "owl_pool_window": _pool_window,
    "owl_thermometer": lambda given: Expected(logic=given["LEVELS"] * 8, stage=0.2),
    "owl_fork": lambda given: Expected(stage=0.1),
    "owl_join": lambda given: Expected(logic=given["BITS"], stage=0.1),
}
