"""Runs what an ECP5 build folder holds: the RTL, or the placed and routed netlist, of a pipeline or of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.files import read_limited
from owlbit.export.limits import FLASH_BYTES
from owlbit.export.network import Ints, Network
from owlbit.hw.ecp5.boards.board import load_ecp5_board
from owlbit.hw.ecp5.boards.simulate import simulate_board_netlist
from owlbit.hw.ecp5.build_folder import ENGINE, FLASH, RTL, Ecp5Facts, build_file, check_files, read_facts
from owlbit.hw.ecp5.dataflow.generate import TOP
from owlbit.hw.ecp5.dataflow.simulate import BENCH, run_dataflow
from owlbit.hw.ecp5.engine.chip import engine_chip
from owlbit.hw.ecp5.engine.simulate import simulate_engine_netlist, simulate_engine_rtl
from owlbit.hw.ecp5.netlist.check import check_against_netlist
from owlbit.hw.ecp5.netlist.simulate import verilate_netlist
from owlbit.hw.ecp5.parts import find_part
from owlbit.hw.verilator import verilate


@dataclass(frozen=True, eq=False)
class BuildRun:
    """`scores`: int32 [N, classes]; `cycles_per_frame`: from frame to frame, None where the host's link is slower; `clock_hz`: of
    the build."""

    scores: Ints
    cycles_per_frame: int | None
    clock_hz: float


def simulate_build_rtl(folder: Path, network: Network, images: NDArray[np.uint8], *, cache: Path | None = None) -> BuildRun:
    """Scores of uint8 images [N, C, H, W] by the RTL of the build in `folder`, whose network `network` is.

    Raises OwlbitError for a folder that is no such build, ToolMissing without Verilator or a compiler, ChipError or DataflowError
    where no scores come.
    """
    facts = read_facts(folder)
    if facts.circuit == ENGINE:
        chip = engine_chip(find_part(str(facts.target)))
        run = simulate_engine_rtl(chip, _flash(folder), network, images, cache=cache)
        return BuildRun(run.scores, run.cycles_per_frame, _clock_hz(facts))
    sources = sorted((folder / RTL).glob("*.v"))
    if not sources:
        raise OwlbitError(f"{folder}: expected the Verilog of a pipeline in {RTL}, found none; build it again")
    flow = run_dataflow(verilate(sources, TOP, BENCH, cache=cache), folder / RTL, network, images)
    return BuildRun(flow.scores, flow.cycles_per_frame, _clock_hz(facts))


def simulate_build_netlist(folder: Path, network: Network, images: NDArray[np.uint8], *, cache: Path | None = None) -> BuildRun:
    """The same by the placed and routed netlist, whose tables, memories, modes and wires its configuration has.

    Of a board it is the whole chip, to which the host's client pushes the images. Raises NetlistError besides, for a netlist that
    is damaged or has a cell that there is no model of, and ConfigError.
    """
    facts = read_facts(folder)
    netlist = build_file(folder, ".json")
    check_files(folder)
    config = build_file(folder, ".config")
    check_against_netlist(netlist, config)
    if facts.board is not None:
        board, clock_mhz = load_ecp5_board(facts.board), facts.clock_mhz or 0.0
        scores = simulate_board_netlist(netlist, board, network, images, clock_mhz, cache=cache)
        return BuildRun(scores, None, _clock_hz(facts))
    if facts.circuit == ENGINE:
        run = simulate_engine_netlist(netlist, _flash(folder), network, images, cache=cache)
        return BuildRun(run.scores, run.cycles_per_frame, _clock_hz(facts))
    flow = run_dataflow(verilate_netlist(netlist, TOP, BENCH, cache=cache), folder, network, images)
    return BuildRun(flow.scores, flow.cycles_per_frame, _clock_hz(facts))


def _flash(folder: Path) -> bytes:
    try:
        return read_limited(folder / FLASH, FLASH_BYTES)
    except FileNotFoundError:
        raise OwlbitError(f"{folder}: expected {FLASH} of an engine build, found none; build it again") from None


def _clock_hz(facts: Ecp5Facts) -> float:
    return (facts.clock_mhz or 0.0) * 1e6
