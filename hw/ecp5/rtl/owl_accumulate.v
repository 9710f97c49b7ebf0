// SPDX-License-Identifier: Apache-2.0
// A sum of counts that begins at `init` where `first` is 1.
`default_nettype none

module owl_accumulate #(
    parameter COUNT_BITS = 6,
    parameter BITS = 11
) (
    input  wire                  clk,
    input  wire                  ce,
    input  wire                  first,
    input  wire [      BITS-1:0] init,
    input  wire [COUNT_BITS-1:0] count,
    output reg  [      BITS-1:0] total
);
  always @(posedge clk) if (ce) total <= (first ? init : total) + {{(BITS - COUNT_BITS) {1'b0}}, count};
endmodule

`default_nettype wire
