// SPDX-License-Identifier: Apache-2.0
// A register of its own: with OWL_ECP5_CELLS, cells that synthesis does not merge with others of the same content, so that each
// drives only what is near.
`default_nettype none

module owl_copy #(
    parameter WIDTH = 1
) (
    input  wire             clk,
    input  wire [WIDTH-1:0] d,
    output wire [WIDTH-1:0] q
);
`ifdef OWL_ECP5_CELLS
  genvar i;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : bits
      (* keep *) TRELLIS_FF #(
          .GSR("DISABLED"),
          .CEMUX("1"),
          .CLKMUX("CLK"),
          .LSRMUX("LSR"),
          .REGSET("RESET")
      ) register (
          .CLK(clk),
          .LSR(1'b0),
          .DI (d[i]),
          .Q  (q[i])
      );
    end
  endgenerate
`else
  reg [WIDTH-1:0] register;
  assign q = register;
  always @(posedge clk) register <= d;
`endif
endmodule

`default_nettype wire
