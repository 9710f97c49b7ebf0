"""Runs a flash image on the engine's simulated ECP5: its RTL, or its routed netlist; with the bench of the UP5K's chip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network
from owlbit.hw.ecp5.engine.chip import BENCH_TOP, TOP, EngineChip, engine_sources
from owlbit.hw.ecp5.netlist.simulate import verilate_netlist
from owlbit.hw.up5k.bitstream.plan import TOP as DRIVEN
from owlbit.hw.up5k.simulate import BENCH, ChipRun, run_chip
from owlbit.hw.verilator import verilate


def simulate_engine_rtl(
    chip: EngineChip, flash: bytes, network: Network, images: NDArray[np.uint8], *, gap_seed: int = 0, cache: Path | None = None
) -> ChipRun:
    """Scores of uint8 images [N, C, H, W] by the chip's RTL. `flash`: its content from address 0; `network`: the shapes only.

    `gap_seed`: other than 0, pixels and scores pause at random. Raises ToolMissing without Verilator or a compiler, ChipError where
    the chip refuses the flash or gives no scores in time.
    """
    program = verilate([*engine_sources(), BENCH_TOP], DRIVEN, BENCH, defines=chip.defines, cache=cache)
    return run_chip(program, flash, network, images, gap_seed)


def simulate_engine_netlist(
    netlist: Path, flash: bytes, network: Network, images: NDArray[np.uint8], *, cache: Path | None = None
) -> ChipRun:
    """The same by the placed and routed netlist, nextpnr's JSON. Raises NetlistError where it is none of the engine's chip."""
    program = verilate_netlist(netlist, TOP, BENCH, top=DRIVEN, around=[BENCH_TOP], cache=cache)
    return run_chip(program, flash, network, images)
