// SPDX-License-Identifier: Apache-2.0
// The number of bits in which `x` and `w` differ; STAGES registers from there to `count`.
`default_nettype none

module owl_count #(
    parameter N = 63,
    parameter STAGES = 2,
    parameter COUNT_BITS = 6
) (
    input  wire                  clk,
    input  wire                  ce,
    input  wire [         N-1:0] x,
    input  wire [         N-1:0] w,
    output wire [COUNT_BITS-1:0] count
);
  reg [COUNT_BITS-1:0] sum[0:STAGES-1];
  assign count = sum[STAGES-1];
  integer i;
  always @(posedge clk)
    if (ce) begin
      sum[0] <= $countones(x ^ w);
      for (i = 1; i < STAGES; i = i + 1) sum[i] <= sum[i-1];
    end
endmodule

`default_nettype wire
