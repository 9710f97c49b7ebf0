"""The record of a network in the bitstream of a board: what the control processor reads in place of a flash.

It is the header and tail of a UP5K flash image (hw/up5k/compiler/flash_format.py), with one word of zeros where the program of the
engine would be, so that firmware and host need not know the difference. The frame of the self-test is noise that
`rtl/shell/owl_record.v` makes itself; the rest lies in block RAM.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network, Shape
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.class_table import rank_on_chip
from owlbit.hw.up5k.compiler.flash_format import CHECKSUM_BYTES, NetworkImage, SelfTest, pack_image
from owlbit.hw.up5k.wake_policy import NEVER, ChipPolicy

ENGINE_NAME = "owlbit-ecp5-1"
SEED = 0x2026  # of the noise
BLOCK_BYTES = 2048  # of a block RAM that gives a byte
MEMORY = """// The record of the network. Written by hw/ecp5/boards/record.py.
module owl_record_memory (
    input  wire        clk,
    /* verilator lint_off UNUSEDSIGNAL */
    input  wire [15:0] address,
    /* verilator lint_on UNUSEDSIGNAL */
    output reg  [ 7:0] q
);
  (* ram_style = "block" *) reg [7:0] bytes[0:{last}];
  initial begin
{contents}
  end
  always @(posedge clk) q <= bytes[address[{high}:0]];
endmodule
"""


def noise_frame(shape: Shape, seed: int = SEED) -> NDArray[np.uint8]:
    """The frame of the self-test, uint8 [C, H, W]: low bytes of a xorshift generator of 16 bits, in order row, column, colour."""
    colours, rows, columns = shape
    state, values = seed, []
    for _ in range(colours * rows * columns):
        values.append(state & 0xFF)
        state ^= state << 7 & 0xFFFF
        state ^= state >> 9
        state ^= state << 8 & 0xFFFF
    return np.array(values, np.uint8).reshape(rows, columns, colours).transpose(2, 0, 1)


def network_record(network: Network, policy: ChipPolicy = NEVER) -> bytes:
    """The image of a network as the host compares it, with self-test and ranking; `record_bytes` of it are in the bitstream."""
    ranking = rank_on_chip(network)
    frame = noise_frame(network.input_shape)
    return pack_image(
        NetworkImage(
            words=np.zeros(1, np.uint64),
            input_shape=network.input_shape,
            classes=network.classes,
            name=network.name,
            policy=policy,
            class_table=ranking.table,
            host_decides=ranking.host_decides,
            self_test=SelfTest(frame, simulate(network, frame[None])[0].astype(np.int16)),
            engine=ENGINE_NAME,
        )
    )


def record_bytes(image: bytes, network: Network) -> bytes:
    """What of the image lies in block RAM: all before the frame of the self-test."""
    return image[: len(image) - CHECKSUM_BYTES - int(np.prod(network.input_shape))]


def record_verilog(record: bytes) -> str:
    """The Verilog of module owl_record_memory. A network of other weights gives the same circuit with other contents."""
    size = BLOCK_BYTES
    while size < len(record):
        size *= 2
    contents = "\n".join(f"    bytes[{at}] = 8'h{value:02X};" for at, value in enumerate(record.ljust(size, b"\xff")))
    return MEMORY.format(last=size - 1, high=(size - 1).bit_length() - 1, contents=contents)
