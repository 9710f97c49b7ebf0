// SPDX-License-Identifier: Apache-2.0
// One of 16 lanes: counts matching bits of 16 activations and 16 weights a cycle and sums them over a window.
// Three stages: the bits that agree, their count, the sum. `agree` here belongs to the operands of the last cycle, and so on.
`default_nettype none

module owl_lane (
    input  wire        clk,
    input  wire [15:0] activations,
    input  wire [15:0] weights,
    input  wire        sum_valid,    // the count now at the sum is of a window,
    input  wire        sum_first,    //   and its first
    output reg  [11:0] sum
);
  reg  [15:0] agree;
  reg  [ 4:0] count;
  wire [ 4:0] ones;

  owl_popcount16 popcount (
      .bits (agree),
      .count(ones)
  );

  always @(posedge clk) begin
    agree <= ~(activations ^ weights);
    count   <= ones;
    if (sum_valid) sum <= (sum_first ? 12'd0 : sum) + {7'd0, count};
  end
endmodule

`default_nettype wire
