// SPDX-License-Identifier: Apache-2.0
// Counts steps modulo COUNT (1 or more). `first` and `last` are registers: 1 while the counter stands at 0 and at COUNT - 1.
`default_nettype none

module owl_modulo #(
    parameter COUNT = 8,
    parameter BITS  = 3  // enough for COUNT - 1, 1 or more
) (
    input  wire            clk,
    input  wire            rst,
    input  wire            step,
    output wire [BITS-1:0] count,
    output wire            first,
    output wire            last
);
  generate
    if (COUNT == 1) begin : counter
      assign {count, first, last} = {{BITS{1'b0}}, 2'b11};
      wire unused = &{clk, rst, step};
    end else begin : counter
      localparam BEFORE = COUNT - 2;
      reg [BITS-1:0] count_r;
      reg first_r, last_r;
      assign {count, first, last} = {count_r, first_r, last_r};
      always @(posedge clk) begin
        if (step) begin
          count_r <= last_r ? {BITS{1'b0}} : count_r + 1'b1;
          first_r <= last_r;
          last_r  <= count_r == BEFORE[BITS-1:0];
        end
        if (rst) begin
          count_r <= {BITS{1'b0}};
          first_r <= 1'b1;
          last_r  <= 1'b0;
        end
      end
    end
  endgenerate
endmodule

`default_nettype wire
