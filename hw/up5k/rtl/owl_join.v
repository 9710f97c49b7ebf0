// SPDX-License-Identifier: Apache-2.0
// The sum of two numbers, or the first one alone; combinational. One logic cell a bit, where synthesis of the plain expression takes two.
`default_nettype none

module owl_join #(
    parameter integer WIDTH = 5
) (
    input  wire             both,
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    output wire [  WIDTH:0] sum
);
`ifdef OWL_CELLS
  wire [WIDTH:0] carry;
  assign carry[0] = 1'b0;
  genvar i;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : g_bit
      SB_CARRY chain (
          .I0(a[i]),
          .I1(b[i]),
          .CI(carry[i]),
          .CO(carry[i+1])
      );
      SB_LUT4 #(
          .LUT_INIT(16'hC66C)  // I0 ? I1 ^ I2 ^ I3 : I1
      ) add (
          .I0(both),
          .I1(a[i]),
          .I2(b[i]),
          .I3(carry[i]),
          .O (sum[i])
      );
    end
  endgenerate
  assign sum[WIDTH] = both & carry[WIDTH];
`else
  assign sum = {1'b0, a} + (both ? {1'b0, b} : {(WIDTH + 1) {1'b0}});
`endif
endmodule

`default_nettype wire
