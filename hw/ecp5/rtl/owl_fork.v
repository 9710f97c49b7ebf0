// SPDX-License-Identifier: Apache-2.0
// One stream to two: each side takes a word when it is ready, and the next word comes when both have.
`default_nettype none

module owl_fork (
    input  wire clk,
    input  wire rst,
    input  wire s_valid,
    output wire s_ready,
    output wire a_valid,
    input  wire a_ready,
    output wire b_valid,
    input  wire b_ready
);
  reg a_has, b_has;  // the present word
  assign a_valid = s_valid && !a_has;
  assign b_valid = s_valid && !b_has;
  assign s_ready = (a_ready || a_has) && (b_ready || b_has);
  always @(posedge clk) begin
    a_has <= !rst && s_valid && !s_ready && (a_has || a_ready);
    b_has <= !rst && s_valid && !s_ready && (b_has || b_ready);
  end
endmodule

`default_nettype wire
