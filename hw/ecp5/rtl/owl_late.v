// SPDX-License-Identifier: Apache-2.0
// BITS signals, CYCLES cycles later; 0 cycles are wires.
`default_nettype none

module owl_late #(
    parameter BITS   = 1,
    parameter CYCLES = 1
) (
    input  wire            clk,
    input  wire [BITS-1:0] in,
    output wire [BITS-1:0] out
);
  generate
    if (CYCLES == 0) begin : g_wires
      wire unused = &{1'b0, clk};
      assign out = in;
    end else begin : g_registers
      reg [CYCLES*BITS-1:0] line;
      wire [(CYCLES+1)*BITS-1:0] moved = {line, in};
      always @(posedge clk) line <= moved[CYCLES*BITS-1:0];
      assign out = moved[CYCLES*BITS+:BITS];
    end
  endgenerate
endmodule

`default_nettype wire
