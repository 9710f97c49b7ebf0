"""Runs the routed netlist of a board's chip: its control processor, its host link and its circuit, driven by the host's client."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Ints, Network
from owlbit.hw.ecp5.boards.board import Ecp5Board, Ecp5BoardError
from owlbit.hw.ecp5.boards.chip import TOP
from owlbit.hw.ecp5.netlist.routed import read_routed
from owlbit.hw.ecp5.netlist.to_verilog import BLOCK_RAM, to_verilog
from owlbit.hw.up5k.chip_simulation import ChipSimulation, chip_executable
from owlbit.hw.up5k.host.simulated_stream import SimulatedStream

START_US = 2_000.0  # from power to the first packet that is understood


def simulate_board_netlist(
    netlist: Path, board: Ecp5Board, network: Network, images: NDArray[np.uint8], clock_mhz: float, *, cache: Path | None = None
) -> Ints:
    """Scores int32 [N, classes] of uint8 images [N, C, H, W], which the host's client pushes over the UART, one after the other.

    netlist: nextpnr's JSON. clock_mhz: of the circuit. The chip's self-test must pass first. Raises NetlistError where the netlist
    is none, ToolMissing without Verilator or a compiler, Ecp5BoardError, DeviceError or BenchError where the chip does not answer.
    """
    network.check_images(images)
    with tempfile.TemporaryDirectory(prefix="owlbit-board-") as name:
        source = Path(name) / f"{TOP}.v"
        source.write_text(to_verilog(read_routed(netlist), TOP), encoding="ascii")
        program = chip_executable([source, BLOCK_RAM], [], optimisation="-O1", cache=cache)
    options = {"clock_khz": round(board.clock.pin_mhz * 1000), "core_khz": round(clock_mhz * 1000), "baud": board.host.baud}
    with ChipSimulation(program, b"", options=options) as chip:
        chip.run(START_US)
        device = SimulatedStream(chip).device()
        device.hello()
        test = device.self_test()
        if not test.passed:
            raise Ecp5BoardError(
                f"board {board.name}: expected that the chip's self-test passes, class {test.differs} differs in the netlist"
            )
        return np.array([device.push(image).scores for image in images], np.int32)
