"""Assembles the control processor's program for a board and writes the Verilog of its memory, module owl_cpu_memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from owlbit.hw.up5k.board import CAMERA_BITS, PICTURE, Board
from owlbit.hw.up5k.firmware.assemble import DATA_END, WORDS, Assembly, assemble

SOURCE = Path(__file__).parent / "shell.asm"
CAMERA_TABLE = 0x1F000  # of the camera's registers in the flash
CAMERAS = {kind: number for number, kind in enumerate(CAMERA_BITS, start=1)}
CAMERA_CROP = {"hm01b0": (2, 2), "ov7670": (0, 0)}  # columns and rows before the camera's picture
I2C_ADDRESS = {"hm01b0": 0x24, "ov7670": 0x21}
TICK_CLOCKS = 1 << 15
NAME_BYTES = 16
CLASSES_MOST = 256  # of a network, by the format of the flash
I2C_DELAY_US, DELAY_CLOCKS = 2.0, 4  # of a third of a period of SCL; of a round of the delay
MILLISECONDS = {"SILENCE": 50, "CAMERA": 2000, "QUIESCE": 500, "BLINK": 200}

MEMORY = """// The control processor's memory, with firmware/shell.asm. A read of a word that is being written gives nothing.
module owl_cpu_memory (
    input  wire        clk,
    input  wire [10:0] read_address,
    output wire [15:0] q,
    input  wire        write,          // into the first {split} words
    input  wire [ 8:0] write_address,
    input  wire [15:0] d
);
  (* no_rw_check *) reg [15:0] front[0:{split} - 1];
  reg [15:0] back[0:{rest} - 1];
  reg [15:0] front_q, back_q;
  reg from_back;
  initial begin
{contents}
  end
  wire [10:0] back_address = read_address - 11'd{split};
  assign q = from_back ? back_q : front_q;
  always @(posedge clk) begin
    if (write) front[write_address] <= d;
    front_q <= front[read_address[8:0]];
    back_q <= back[back_address];
    from_back <= (read_address[10:9] != 2'd0);
  end
endmodule
"""


def shell_constants(name: str, clock_hz: int, network: int) -> dict[str, int]:
    """What `shell.asm` takes from a chip without camera behind a UART; `network`: the flash address of its network's header."""
    text = name.encode("ascii", "replace")[:NAME_BYTES].ljust(NAME_BYTES, b"\0")
    ticks = {f"TICKS_{key}": -(-value * clock_hz // (1000 * TICK_CLOCKS)) + 1 for key, value in MILLISECONDS.items()}
    return {
        "CAMERA": 0,
        "NETWORK": network,
        "CAMERA_TABLE": CAMERA_TABLE,
        "HOST_SPI": 0,
        "WIDTH": PICTURE[0],
        "HEIGHT": PICTURE[1],
        "CROP_LEFT": 0,
        "CROP_TOP": 0,
        "I2C_ADDRESS": 0,
        "I2C_DELAY": 1,
        **ticks,
        **{f"name_{index}": text[2 * index] | text[2 * index + 1] << 8 for index in range(NAME_BYTES // 2)},
    }


def board_constants(board: Board) -> dict[str, int]:
    """What `shell.asm` takes from the board."""
    constants = shell_constants(board.name, board.clock_hz, board.flash.network_offset)
    delay = max(1, round(I2C_DELAY_US * board.clock.mhz / DELAY_CLOCKS))
    constants |= {"HOST_SPI": int(board.host.link == "spi"), "I2C_DELAY": delay}
    if board.camera is None:
        return constants
    kind = board.camera.kind
    left, top = CAMERA_CROP[kind]
    return constants | {"CAMERA": CAMERAS[kind], "CROP_LEFT": left, "CROP_TOP": top, "I2C_ADDRESS": 2 * I2C_ADDRESS[kind]}


def most_classes(board: Board) -> int:
    """How many classes a network may have on a board."""
    return most_classes_of(board_constants(board))


def most_classes_of(constants: Mapping[str, int]) -> int:
    """How many classes a network may have: their scores take what the program leaves of the memory."""
    assembly = assemble(SOURCE.read_text(encoding="utf-8"), {**constants, "CLASSES_MOST": 1})
    return min(CLASSES_MOST, 1 + WORDS - len(assembly.words), 1 + DATA_END - assembly.program_at)


def assemble_board(board: Board) -> Assembly:
    """The memory of a board's control processor."""
    return assemble_shell(board_constants(board))


def assemble_shell(constants: Mapping[str, int]) -> Assembly:
    """The memory of a control processor, with room for the scores of as many classes as there can be."""
    return assemble(SOURCE.read_text(encoding="utf-8"), {**constants, "CLASSES_MOST": most_classes_of(constants)})


def memory_verilog(assembly: Assembly) -> str:
    """The Verilog of module owl_cpu_memory."""
    words = assembly.words + [0] * (WORDS - len(assembly.words))
    contents = [f"    front[{at}] = 16'h{word:04X};" for at, word in enumerate(words[:DATA_END])]
    contents += [f"    back[{at}] = 16'h{word:04X};" for at, word in enumerate(words[DATA_END:])]
    return MEMORY.format(split=DATA_END, rest=WORDS - DATA_END, contents="\n".join(contents))
