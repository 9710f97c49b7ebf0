// SPDX-License-Identifier: Apache-2.0
// The engine's memory on an ECP5: OWL_MEMORY_WORDS words of 64 bits in block RAM, one port, nibble write mask. It takes the place of
// hw/up5k/rtl/owl_memory.v. A read takes one cycle: q is the word whose address stood at the last clock edge with en and not we.
// Addresses have 14 bits. The encoded frame ends with the last of them, 16383, so a smaller memory has its upper words at two
// addresses: word w also at w + 16384 - OWL_MEMORY_WORDS, where that is OWL_MEMORY_WORDS or more. The compiler sees to it that the
// frame fits there.
`default_nettype none
`ifndef OWL_MEMORY_WORDS
`define OWL_MEMORY_WORDS 16384
`endif

module owl_memory (
    input  wire        clk,
    input  wire        en,
    input  wire        we,
    input  wire [15:0] mask,  // one bit per nibble, bit 0 for d[3:0]
    input  wire [13:0] addr,
    input  wire [63:0] d,
    output wire [63:0] q
);
  localparam integer WORDS = `OWL_MEMORY_WORDS;
  // Words come in blocks of 4096, since four bits of so many are a block RAM.
  localparam integer FILLED = WORDS / 4096;
  localparam [2:0] BLOCKS = FILLED[2:0], MISSING = 3'd4 - BLOCKS;
  wire [1:0] block = {1'b0, addr[13:12]} < BLOCKS ? addr[13:12] : addr[13:12] - MISSING[1:0];
  wire [13:0] word = {block, addr[11:0]};

  genvar i;
  generate
    for (i = 0; i < 16; i = i + 1) begin : g_nibble
      (* ram_style = "block", no_rw_check *) reg [3:0] cells[0:WORDS-1];
      reg [3:0] q_r;
      assign q[4*i+:4] = q_r;
      always @(posedge clk) begin
        if (en && we && mask[i]) cells[word] <= d[4*i+:4];
        if (en && !we) q_r <= cells[word];
      end
    end
  endgenerate
endmodule

`default_nettype wire
