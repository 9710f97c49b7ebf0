"""What the bitstream is made from and how: sources, pins, options of the tools, limits it must keep. All choices are here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
RTL = HERE.parent / "rtl"
TOP = "owlbit_up5k"
DEFINES = ("OWL_CELLS",)  # the vendor's cells in place of their models
PINS = HERE / f"{TOP}.pcf"
ENGINE_BIN = HERE / "engine.bin"
ENGINE_JSON = HERE / "engine.json"

CLOCK_MHZ = 24.0
NEEDED_MHZ = 26.4  # a tenth to spare, for what the open timing model does not know
BITSTREAM_BYTES = 104_090
# Cell names of nextpnr's report, and what one iCE40 UP5K has of each.
PART = {"ICESTORM_LC": 5280, "ICESTORM_RAM": 30, "ICESTORM_SPRAM": 4, "ICESTORM_DSP": 8}


@dataclass(frozen=True)
class Plan:
    """Options of the three tools; the same plan and sources give the same bitstream.

    engine.json says which clock the engine closes at with it. The seed is the first.
    """

    synthesis: str = "-abc9 -device u"
    target_mhz: int = 30
    seed: int = 1


def rtl_sources() -> list[Path]:
    """The engine's Verilog in name order; files ending in _sim.v only serve simulation and are left out."""
    return sorted(path for path in RTL.glob("*.v") if not path.stem.endswith("_sim"))


def rtl_headers() -> list[Path]:
    """What the Verilog includes, in name order."""
    return sorted(RTL.glob("*.vh"))
