"""The engine's chip for each part: its Verilog, the size of its memory, where the network lies in the flash, its pins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from owlbit.hw.ecp5.parts import PACKAGE, Part
from owlbit.hw.up5k.bitstream.plan import TOP as UP5K_TOP
from owlbit.hw.up5k.bitstream.plan import rtl_headers, rtl_sources

HERE = Path(__file__).parent
TOP = "owlbit_ecp5"
BENCH_TOP = HERE / "bench_top.v"
REPLACED = (UP5K_TOP, "owl_memory")  # modules of hw/up5k/rtl that hw/ecp5/engine/rtl has its own of
# The flash pins of the configuration, which are the user's afterwards; the clock's is USRMCLK. From Lattice's pin list.
FLASH_PINS = {"flash_cs_n": "R2", "flash_mosi": "W2", "flash_miso": "V2"}


@dataclass(frozen=True)
class EngineChip:
    """`memory_words`: of 64 bits. `network_offset`: in the flash, behind the longest bitstream. `clock_mhz`: that place and route must
    close where no other is asked for."""

    part: str
    memory_words: int
    network_offset: int
    clock_mhz: float

    @property
    def defines(self) -> tuple[str, ...]:
        """Macros of the Verilog, for simulation as for synthesis."""
        return (f"OWL_MEMORY_WORDS={self.memory_words}", f"OWL_NETWORK=24'h{self.network_offset:06x}")


CHIPS = {
    chip.part: chip
    for chip in (
        EngineChip("ecp5-25f", 8_192, 0x0C0000, 60.0),
        EngineChip("ecp5-45f", 16_384, 0x140000, 66.0),
        EngineChip("ecp5-85f", 16_384, 0x280000, 60.0),
    )
}


def engine_chip(part: Part) -> EngineChip:
    """The chip for `part`."""
    return CHIPS[part.name]


def engine_sources() -> list[Path]:
    """The chip's Verilog: the UP5K's, and what hw/ecp5/engine/rtl has in place of some of it."""
    own = sorted((HERE / "rtl").glob("*.v"))
    return [*(path for path in rtl_sources() if path.stem not in REPLACED), *own]


def engine_inputs() -> list[Path]:
    """All files that a bitstream of the engine is made from, in a fixed order."""
    return [*rtl_headers(), *engine_sources()]


def engine_pins(package: str = PACKAGE) -> str:
    """The text of an LPF file: the flash's pins in package CABGA381; the others are nextpnr's choice."""
    assert package == PACKAGE  # the only one whose pins are known here
    lines = ["SYSCONFIG MASTER_SPI_PORT=ENABLE SLAVE_SPI_PORT=DISABLE SLAVE_PARALLEL_PORT=DISABLE;"]
    for name, pin in FLASH_PINS.items():
        lines += [f'LOCATE COMP "{name}" SITE "{pin}";', f'IOBUF PORT "{name}" IO_TYPE=LVCMOS33;']
    return "\n".join([*lines, ""])
