// SPDX-License-Identifier: Apache-2.0
// 1 Mbit of features, weights and descriptors: four SPRAM side by side, 16,384 words of 64 bits, one port, nibble write mask.
// A read takes one cycle: q is the word whose address stood at the last clock edge with en and not we.
`default_nettype none

module owl_memory (
    input  wire        clk,
    input  wire        en,
    input  wire        we,
    input  wire [15:0] mask,  // one bit a nibble, bit 0 for d[3:0]
    input  wire [13:0] addr,
    input  wire [63:0] d,
    output wire [63:0] q
);
`ifdef OWL_CELLS
  genvar i;
  generate
    for (i = 0; i < 4; i = i + 1) begin : g_bank
      SB_SPRAM256KA bank (
          .ADDRESS(addr),
          .DATAIN(d[16*i+:16]),
          .MASKWREN(mask[4*i+:4]),
          .WREN(we),
          .CHIPSELECT(en),
          .CLOCK(clk),
          .STANDBY(1'b0),
          .SLEEP(1'b0),
          .POWEROFF(1'b1),
          .DATAOUT(q[16*i+:16])
      );
    end
  endgenerate
`else
  reg [63:0] cells[0:16383];
  reg [63:0] q_r;
  integer i;
  assign q = q_r;
  always @(posedge clk) begin
    if (en && we) begin
      for (i = 0; i < 16; i = i + 1) if (mask[i]) cells[addr][4*i+:4] <= d[4*i+:4];
    end
    if (en && !we) q_r <= cells[addr];
  end
`endif
endmodule

`default_nettype wire
