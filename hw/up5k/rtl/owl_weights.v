// SPDX-License-Identifier: Apache-2.0
// Weights of a tile: 256 rows of 256 bits, one row a cycle, written a 64-bit quarter row at a time. Sixteen EBR.
`default_nettype none

module owl_weights (
    input  wire         clk,
    input  wire         wr_valid,
    input  wire [  9:0] wr_index,  // {row, quarter}
    input  wire [ 63:0] wr_data,
    input  wire [  7:0] row,
    output wire [255:0] q
);
  genvar i;
  generate
    for (i = 0; i < 16; i = i + 1) begin : g_lane
      (* no_rw_check *) reg [15:0] cells[0:255];
      localparam integer OWN = i / 4;
      reg [15:0] r;
      always @(posedge clk) begin
        if (wr_valid && wr_index[1:0] == OWN[1:0]) cells[wr_index[9:2]] <= wr_data[16*(i%4)+:16];
        r <= cells[row];
      end
      assign q[16*i+:16] = r;
    end
  endgenerate
endmodule

`default_nettype wire
