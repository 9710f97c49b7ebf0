// SPDX-License-Identifier: Apache-2.0
// 1 Mbit of features, weights and descriptors for any technology: takes the place of the engine's own owl_memory, which is four SPRAM
// of an iCE40 UP5K. One memory per nibble, with a write enable of its own, is what synthesis of every vendor turns into block RAM.
// A read takes one cycle: q is the word whose address stood at the last clock edge with en and not we.
// OWL_MEMORY_BITS: the memory has 2^OWL_MEMORY_BITS words of 64 bits, 14 where it is not defined. A network may leave the middle of the
// 16,384 words unused; a smaller memory, in which addresses wrap, then holds it (owlbit.hw.soc.design.memory_bits says how small).
`ifndef OWL_MEMORY_BITS
`define OWL_MEMORY_BITS 14
`endif
`default_nettype none

module owl_memory (
    input  wire        clk,
    input  wire        en,
    input  wire        we,
    input  wire [15:0] mask,  // one bit per nibble, bit 0 for d[3:0]
    /* verilator lint_off UNUSEDSIGNAL */
    input  wire [13:0] addr,  // its upper bits, where the memory is smaller
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [63:0] d,
    output wire [63:0] q
);
  localparam integer BITS = `OWL_MEMORY_BITS;
  wire [BITS-1:0] at = addr[BITS-1:0];
  genvar i;
  generate
    for (i = 0; i < 16; i = i + 1) begin : g_nibble
      (* ram_style = "block", no_rw_check *) reg [3:0] cells[0:(1<<BITS)-1];
      reg [3:0] r;
      assign q[4*i+:4] = r;
      always @(posedge clk) begin
        if (en && we && mask[i]) cells[at] <= d[4*i+:4];
        if (en && !we) r <= cells[at];
      end
    end
  endgenerate
endmodule

`default_nettype wire
