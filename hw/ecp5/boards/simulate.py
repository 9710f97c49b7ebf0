"""Runs the placed and routed netlist of a board's chip: frames go through its host link, scores come back over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints, Network
from owlbit.hw.ecp5.boards.board import Ecp5Board
from owlbit.hw.ecp5.boards.chip import TOP
from owlbit.hw.ecp5.netlist.simulate import verilate_netlist
from owlbit.hw.up5k.chip_simulation import BENCH, ChipSimulation
from owlbit.hw.up5k.simulated_link import SimulatedLink

BOOT_US = 200_000.0  # until the chip has tested itself
CORE_KHZ = 41_000  # of the circuit: any clock gives the same scores, and a slow one simulates faster


class BoardChipError(OwlbitError):
    """The simulated chip of a board does not answer, or its self-test failed."""


def simulate_chip_netlist(
    netlist: Path, board: Ecp5Board, network: Network, images: NDArray[np.uint8], *, cache: Path | None = None
) -> Ints:
    """Scores int32 [N, classes] of uint8 images [N, C, H, W] that go over the UART of the routed design in nextpnr's `netlist`.

    Raises BoardChipError where its self-test does not pass, DeviceError where it does not answer, and as `verilate_netlist`.
    """
    executable = verilate_netlist(netlist, TOP, BENCH, cache=cache)
    options = {"clock_khz": board.shell_hz // 1000, "core_khz": CORE_KHZ, "baud": board.host.baud}
    with ChipSimulation(executable, b"", options=options) as chip:
        chip.run(BOOT_US)
        device = SimulatedLink(chip).device()
        status = device.hello()
        if status.self_test != "passed":
            raise BoardChipError(f"simulated chip of board {board.name}: expected a passed self-test, got {status.self_test}")
        return np.stack([device.push(np.ascontiguousarray(image)).scores for image in images]).astype(np.int32)
