// SPDX-License-Identifier: Apache-2.0
// The reset of one layer, a cycle later: a register of its own, which synthesis does not merge with the others, drives what is near.
`default_nettype none

module owl_reset (
    input  wire clk,
    input  wire rst,
    output wire q
);
  (* keep *) reg late;
  assign q = late;
  always @(posedge clk) late <= rst;
endmodule

`default_nettype wire
