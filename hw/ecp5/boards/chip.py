"""The chip of a board around the dataflow circuit of a network: its Verilog, macros and constraints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from owlbit.export.files import cache_folder, made_once
from owlbit.export.network import Network
from owlbit.hw.ecp5.boards.board import OPTIONAL_PINS, Ecp5Board, Ecp5BoardError
from owlbit.hw.ecp5.boards.pll import Pll, find_pll
from owlbit.hw.ecp5.boards.record import SEED, network_record, record_bytes, record_verilog
from owlbit.hw.ecp5.parts import Part
from owlbit.hw.external_tools import digest
from owlbit.hw.up5k.bitstream.design import shell_sources as up5k_shell_sources
from owlbit.hw.up5k.firmware.assemble import WORDS
from owlbit.hw.up5k.firmware.build import assemble_shell, most_classes_of, shell_constants
from owlbit.hw.up5k.wake_policy import NEVER, ChipPolicy

RTL = Path(__file__).parents[1] / "rtl" / "shell"
TOP = "owl_chip"
SHELL_LUTS, SHELL_BLOCKS = 700, 3  # LUT4 and block RAMs of all but the circuit
SHARED = ("owl_cpu", "owl_uart")  # modules of the UP5K boards' shell
NETWORK_AT = 0  # of the record's header, as the firmware addresses it
MEMORY = """// The control processor's memory, with firmware/shell.asm; the first 512 words can be written.
module owl_cpu_memory (
    input  wire        clk,
    input  wire [10:0] read_address,
    output reg  [15:0] q,
    input  wire        write,
    input  wire [ 8:0] write_address,
    input  wire [15:0] d
);
  (* ram_style = "block", no_rw_check *) reg [15:0] words[0:{last}];
  initial begin
{contents}
  end
  always @(posedge clk) begin
    if (write) words[{{2'b00, write_address}}] <= d;
    q <= words[read_address];
  end
endmodule
"""


@dataclass(frozen=True)
class Chip:
    """A board's chip with a network. `top`: the module; `sources`: its Verilog, but for owl_dataflow; `defines`: macros;
    `constraints`: text of an LPF file; `pll`: of the circuit's clock; `image`: of the network, as the host knows it."""

    board: Ecp5Board
    top: str
    sources: tuple[Path, ...]
    defines: tuple[str, ...]
    constraints: str
    pll: Pll
    image: bytes


def board_chip(board: Ecp5Board, network: Network, clock_mhz: float, policy: ChipPolicy = NEVER, cache: Path | None = None) -> Chip:
    """The chip of `board` with `network`, whose circuit runs at `clock_mhz` or what the PLL makes next below it.

    Raises OwlbitError for a clock that the PLL does not make, and for more classes than the control processor ranks.
    """
    constants = shell_constants(board.name, board.shell_hz, NETWORK_AT)
    most = most_classes_of(constants)
    if network.classes > most:
        raise Ecp5BoardError(
            f"board {board.name}: expected a network of at most {most} classes, whose scores its control processor holds, got "
            f"{network.classes}; build without --board"
        )
    pll = find_pll(board.clock.pin_mhz, clock_mhz)
    image = network_record(network, policy)
    record = record_bytes(image, network)
    texts = {"owl_cpu_memory": _memory_verilog(assemble_shell(constants).words), "owl_record_memory": record_verilog(record)}

    def make(work: Path) -> None:
        for name, text in texts.items():
            (work / f"{name}.v").write_text(text, encoding="utf-8")

    folder = made_once(cache_folder(cache) / "firmware" / digest(texts.values())[:20], make)
    shared = [path for path in up5k_shell_sources() if path.stem in SHARED]
    return Chip(
        board=board,
        top=TOP,
        sources=(*shell_sources(), *shared, *sorted(folder.glob("*.v"))),
        defines=chip_macros(board, network, len(record), pll),
        constraints=chip_constraints(board),
        pll=pll,
        image=image,
    )


def room_beside_shell(part: Part) -> Part:
    """What of a part the shell leaves to the circuit."""
    return replace(part, lut=part.lut - SHELL_LUTS, ebr=part.ebr - SHELL_BLOCKS)


def shell_sources() -> list[Path]:
    """The Verilog around the circuit that is the ECP5's own, in name order."""
    return sorted(RTL.glob("*.v"))


def chip_macros(board: Ecp5Board, network: Network, record_length: int, pll: Pll) -> tuple[str, ...]:
    """Macros, NAME or NAME=VALUE, of `rtl/shell/owl_chip.v`."""
    macros = [
        f"OWL_UART_DIVIDER=10'd{board.uart_divider}",
        f"OWL_PIXELS=24'd{math.prod(network.input_shape)}",
        f"OWL_SCORE_BYTES=10'd{2 * network.classes}",
        f"OWL_FRAME_AT=16'd{record_length}",
        f"OWL_SEED=16'd{SEED}",
        f"OWL_PLL_REFERENCE={pll.reference}",
        f"OWL_PLL_FEEDBACK={pll.feedback}",
        f"OWL_PLL_LOOP={pll.loop}",
        f"OWL_PLL_OUTPUT={pll.output}",
        *(["OWL_LEDS_LOW"] if board.leds.low else []),
    ]
    return (*macros, *(f"OWL_PIN_{name.upper()}" for name in OPTIONAL_PINS if name in board.pins))


def chip_constraints(board: Ecp5Board) -> str:
    """The text of an LPF file: the configuration port, a pin for each port of the top, the oscillator's frequency.

    The UART's input is pulled up, so that it rests where nobody drives it.
    """
    lines = [f"# {board.title}", "BLOCK RESETPATHS;", "BLOCK ASYNCPATHS;"]
    if board.config:
        lines.append("SYSCONFIG " + " ".join(f"{name}={value}" for name, value in board.config.items()) + ";")
    for name, pin in {"clk": board.clock.pin, **board.pins}.items():
        pull = "UP" if name == "uart_rx" else "NONE"
        lines += [f'LOCATE COMP "{name}" SITE "{pin}";', f'IOBUF PORT "{name}" PULLMODE={pull} IO_TYPE=LVCMOS33;']
    lines.append(f'FREQUENCY PORT "clk" {board.clock.pin_mhz:g} MHZ;')
    return "\n".join([*lines, ""])


def _memory_verilog(words: Sequence[int]) -> str:
    padded = [*words, *[0] * (WORDS - len(words))]
    contents = "\n".join(f"    words[{at}] = 16'h{word:04X};" for at, word in enumerate(padded))
    return MEMORY.format(last=WORDS - 1, contents=contents)
