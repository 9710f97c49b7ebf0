"""A stream to a simulated chip for the package's own client: time passes only while the client waits."""

from __future__ import annotations

from owlbit.hw.up5k.chip_simulation import ChipSimulation
from owlbit.hw.up5k.host.client import Device


class SimulatedStream:
    """As `owlbit.hw.up5k.host.stream.Stream`."""

    name = "simulated"

    def __init__(self, chip: ChipSimulation) -> None:
        self.chip = chip

    def write(self, data: bytes) -> None:
        self.chip.send(data)

    def read(self, timeout_s: float) -> bytes:
        if not self.chip.received:
            self.chip.run(max(1.0, timeout_s * 1e6), received=1)
        data = bytes(self.chip.received)
        self.chip.received.clear()
        return data

    def close(self) -> None:
        self.chip.close()

    def device(self) -> Device:
        """A client whose clock is the chip's."""
        return Device(self, clock=lambda: self.chip.time_us / 1e6)
