// SPDX-License-Identifier: Apache-2.0
// total becomes (x ^ w) + count + (more ? total : init), one LUT site per bit: no comparator and no multiplexer.
//
// Begin with 2^(BITS-1) - threshold, and the highest bit of total is "sum >= threshold". A site of the chain (see owl_adder_chain) has
// P = count ^ (more ? total : init) and G = count, which its LUT also gives for C = init = 0 and D = more = 0.
// Without OWL_CARRY_CHAINS or OWL_ECP5_CELLS it is the same in plain Verilog.
`default_nettype none
`ifdef OWL_ECP5_CELLS
`define OWL_CARRY_CHAINS
`endif

module owl_accumulate #(
    parameter COUNT_BITS = 7,
    parameter BITS       = 11  // at least COUNT_BITS
) (
    input  wire                  clk,
    input  wire                  ce,
    input  wire                  more,   // 0 in the first cycle of a sum
    input  wire [      BITS-1:0] init,
    input  wire [COUNT_BITS-1:0] count,
    input  wire                  x,      // one product more
    input  wire                  w,
    output reg  [      BITS-1:0] total
);
`ifdef OWL_CARRY_CHAINS
  localparam CELLS = (BITS + 2) / 2;
  // {D, C, B, A} = {more, init, total, count}: A ^ (D ? B : C), and A ^ 0 = G where C and D are 0.
  localparam [15:0] SUM = 16'h665A;
  wire [2*CELLS-1:0] s;
  wire [8*CELLS-1:0] in;  // D, C, B, A of each site
  wire [CELLS:0] carry;
  assign carry[0] = 1'b0;
  wire unused = &{1'b0, s[0], s[2*CELLS-1], carry[CELLS]};
  genvar i;
  generate
    for (i = 0; i < CELLS; i = i + 1) begin : g_cell
      owl_carry_cell #(
          .FIRST(i == 0 ? 1 : 0), .INIT0(i == 0 ? 16'h0006 : SUM), .INIT1(2 * i + 1 <= BITS ? SUM : 16'h0000)
      ) pair (
          .carry_in(carry[i]), .in0(in[8*i+:4]), .in1(in[8*i+4+:4]), .sum(s[2*i+:2]), .carry_out(carry[i+1])
      );
    end
    // Site 0 begins the chain with the product as its carry; bit i of the sum is site i + 1.
    for (i = 0; i < 2 * CELLS; i = i + 1) begin : g_site
      if (i == 0) begin : g_begin
        assign in[4*i+:4] = {2'b11, w, x};
      end else if (i > BITS) begin : g_end
        assign in[4*i+:4] = 4'b1111;
      end else if (i > COUNT_BITS) begin : g_high
        assign in[4*i+:4] = {more, init[i-1], total[i-1], 1'b0};
      end else begin : g_low
        assign in[4*i+:4] = {more, init[i-1], total[i-1], count[i-1]};
      end
    end
  endgenerate
  always @(posedge clk) if (ce) total <= s[BITS:1];
`else
  always @(posedge clk) if (ce) total <= (more ? total : init) + BITS'(count) + BITS'(x ^ w);
`endif
endmodule

`default_nettype wire
