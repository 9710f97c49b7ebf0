// SPDX-License-Identifier: Apache-2.0
// How many bits of x and w differ, STAGES cycles later.
//
// M leaves of three products each give 2-bit numbers, and a tree adds these with one product per addition: 4 M - 1 products in all.
// About 1.6 LUT sites per product on an ECP5, XOR included (N = 15: 24, 71: 116, 143: 234); registers lie beside the LUTs.
// Without OWL_CARRY_CHAINS or OWL_ECP5_CELLS it is the same in plain Verilog, which simulates faster.
`default_nettype none
`ifdef OWL_ECP5_CELLS
`define OWL_CARRY_CHAINS
`endif

module owl_count #(
    parameter N      = 63,
    parameter STAGES = 2   // registers, at least 1; the last one holds count
) (
    input  wire                   clk,
    input  wire [          N-1:0] x,
    input  wire [          N-1:0] w,
    output wire [$clog2(N+1)-1:0] count
);
`ifdef OWL_CARRY_CHAINS
  localparam OUT = $clog2(N + 1);
  localparam M = (N + 4) / 4;
  localparam SLOTS = 4 * M - 1;
  localparam LEVELS = 1 + $clog2(M);
  localparam SPREAD = STAGES > LEVELS ? LEVELS : STAGES;  // registers in the tree; what is left comes after it
  localparam FIRST = SPREAD == LEVELS ? 1 : 0;            // register after the leaves
  localparam MOST = 11;                                   // leaves on one chain of up to 12 cells
  localparam CHAINS = (M + MOST - 1) / MOST;
  localparam EACH = (M + CHAINS - 1) / CHAINS;

  wire [SLOTS-1:0] xs, ws;
  wire [OUT-1:0] sum;
  wire [2*M-1:0] a, b, leaves, numbers;
  wire [M-1:0] left_x, left_w;  // the products of the tree, and a 0
  genvar i;
  generate
    if (SLOTS > N) begin : g_unused
      assign {xs[SLOTS-1:N], ws[SLOTS-1:N]} = {2 * (SLOTS - N) {1'b0}};
    end
    assign {xs[N-1:0], ws[N-1:0]} = {x, w};
    for (i = 0; i < M; i = i + 1) begin : g_leaf
      assign a[2*i+:2] = {ws[M-1+i], xs[M-1+i]};
      assign b[2*i+:2] = {ws[2*M-1+i], xs[2*M-1+i]};
    end
    for (i = 0; i < CHAINS; i = i + 1) begin : g_chain
      localparam FROM = i * EACH;
      localparam NODES = FROM + EACH > M ? M - FROM : EACH;
      owl_adder_chain #(.NODES(NODES), .BITS(1), .LEAF(1)) chain (
          .a(a[2*FROM+:2*NODES]), .b(b[2*FROM+:2*NODES]), .x(xs[3*M-1+FROM+:NODES]), .w(ws[3*M-1+FROM+:NODES]),
          .sum(leaves[2*FROM+:2*NODES])
      );
    end
    if (M > 1) begin : g_left
      owl_late #(.BITS(2 * M), .CYCLES(FIRST)) left (
          .clk(clk), .in({1'b0, xs[M-2:0], 1'b0, ws[M-2:0]}), .out({left_x, left_w})
      );
    end else begin : g_none
      assign {left_x, left_w} = 2'b00;
    end
  endgenerate
  owl_late #(.BITS(2 * M), .CYCLES(FIRST)) after_leaves (.clk(clk), .in(leaves), .out(numbers));
  owl_count_tree #(
      .M(M), .BITS(2), .OUT(OUT), .LEVEL(1), .LEVELS(LEVELS), .STAGES(SPREAD)
  ) tree (
      .clk(clk), .numbers(numbers), .x(left_x), .w(left_w), .count(sum)
  );
  owl_late #(.BITS(OUT), .CYCLES(STAGES - SPREAD)) after_tree (.clk(clk), .in(sum), .out(count));
`else
  owl_late #(.BITS($clog2(N + 1)), .CYCLES(STAGES)) plain (
      .clk(clk), .in($bits(count)'($countones(x ^ w))), .out(count)
  );
`endif
endmodule

`default_nettype wire
