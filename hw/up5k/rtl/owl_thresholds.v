// SPDX-License-Identifier: Apache-2.0
// Headers and thresholds of a tile: 256 words of 64 bits, read in one cycle. Four EBR.
`default_nettype none

module owl_thresholds (
    input  wire        clk,
    input  wire        wr_valid,
    input  wire [ 7:0] wr_index,
    input  wire [63:0] wr_data,
    input  wire [ 7:0] addr,
    output reg  [63:0] q
);
  (* no_rw_check *) reg [63:0] cells[0:255];
  always @(posedge clk) begin
    if (wr_valid) cells[wr_index] <= wr_data;
    q <= cells[addr];
  end
endmodule

`default_nettype wire
