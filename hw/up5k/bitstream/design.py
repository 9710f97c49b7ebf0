"""What a bitstream is made from: the engine with pins of its own, or a board's whole chip. `build.py` makes either."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from owlbit.export.files import cache_folder, made_once
from owlbit.hw.external_tools import digest
from owlbit.hw.up5k.bitstream.board_macros import board_macros, board_pins
from owlbit.hw.up5k.bitstream.plan import CLOCK_MHZ, DEFINES, NEEDED_MHZ, PINS, RTL, TOP, Plan, rtl_headers, rtl_sources
from owlbit.hw.up5k.board import Board
from owlbit.hw.up5k.camera_table import camera_table
from owlbit.hw.up5k.firmware.build import CAMERA_TABLE, assemble_board, memory_verilog, most_classes

CHIP_TOP = "owl_chip"
MARGIN = 1.05  # of the clock that is reached over the clock that a board runs at


@dataclass(frozen=True)
class Design:
    """`title`: for messages. `top`: the module. `sources`: its Verilog. `pins`: text of the PCF file. `needed_mhz`: what place and
    route must reach, `clock_mhz`: what it runs at. `table`: what lies in the flash at `CAMERA_TABLE`, behind the bitstream.
    `facts`: more that its record says."""

    title: str
    top: str
    sources: tuple[Path, ...]
    defines: tuple[str, ...]
    pins: str
    clock_mhz: float
    needed_mhz: float
    plan: Plan
    table: bytes = b""
    facts: tuple[tuple[str, int], ...] = ()

    def input_hash(self) -> str:
        """SHA-256 over sources, headers, pins, table and options: a bitstream made from other inputs is stale."""
        options = json.dumps(asdict(self.plan), sort_keys=True)
        return digest([*rtl_headers(), *self.sources, self.pins, self.top, *self.defines, self.table, options])


def engine_design(plan: Plan | None = None) -> Design:
    """The engine alone, on the pins of owlbit_up5k.pcf."""
    return Design(
        "the engine", TOP, tuple(rtl_sources()), DEFINES, PINS.read_text(encoding="utf-8"), CLOCK_MHZ, NEEDED_MHZ, plan or Plan()
    )


def board_design(board: Board, plan: Plan | None = None) -> Design:
    """The whole chip of a board."""
    return Design(
        title=f"the chip of board {board.name}",
        top=CHIP_TOP,
        sources=tuple(board_sources(board)),
        defines=(*DEFINES, *board_macros(board)),
        pins=board_pins(board),
        clock_mhz=board.clock.mhz,
        needed_mhz=round(board.clock.mhz * MARGIN, 3),
        plan=plan or Plan(),
        table=camera_table(board.camera.kind) if board.camera else b"",
        facts=(("network_offset", board.flash.network_offset), ("most_classes", most_classes(board))),
    )


def board_sources(board: Board, cache: Path | None = None) -> list[Path]:
    """The Verilog of a board's chip, read with `board_macros(board)`: the RTL, and the processor's memory, written to `cache`."""
    memory = memory_verilog(assemble_board(board))

    def make(work: Path) -> None:
        (work / "owl_cpu_memory.v").write_text(memory, encoding="utf-8")

    folder = made_once(cache_folder(cache) / "firmware" / digest([memory])[:20], make)
    return [*(path for path in rtl_sources() if path.stem != TOP), *shell_sources(), folder / "owl_cpu_memory.v"]


def shell_sources() -> list[Path]:
    """The Verilog of what a board's chip has around the engine, in name order."""
    return sorted((RTL / "shell").glob("*.v"))


def with_table(bitstream: bytes, table: bytes) -> bytes:
    """The bitstream, and the camera's table where the chip looks for it."""
    return bitstream.ljust(CAMERA_TABLE, b"\xff") + table if table else bitstream
