// SPDX-License-Identifier: Apache-2.0
// One filter at work: adds the number of differing bits of x and w to a running total, STAGES + 1 cycles later.
//
// Weights that are stored complemented make the differing bits the equal ones. The accumulator takes one of the N products, so that
// the tree has N - 1 and a multiple of 4 for N wastes nothing.
`default_nettype none

module owl_lane #(
    parameter N      = 64,
    parameter BITS   = 11,  // of the total, at least $clog2(N + 1)
    parameter STAGES = 2    // registers before the total, at least 1
) (
    input  wire            clk,
    input  wire [   N-1:0] x,
    input  wire [   N-1:0] w,
    input  wire            add,   // these three, as in owl_accumulate, belong to the x and w of STAGES cycles before
    input  wire            more,
    input  wire [BITS-1:0] init,
    output wire [BITS-1:0] total
);
  localparam COUNT_BITS = N < 2 ? 1 : $clog2(N);
  wire [COUNT_BITS-1:0] count;
  wire x_late, w_late;
  generate
    if (N > 1) begin : g_count
      owl_count #(.N(N - 1), .STAGES(STAGES)) rest (.clk(clk), .x(x[N-2:0]), .w(w[N-2:0]), .count(count));
    end else begin : g_none
      assign count = 1'b0;
    end
  endgenerate
  owl_late #(.BITS(2), .CYCLES(STAGES)) last (.clk(clk), .in({x[N-1], w[N-1]}), .out({x_late, w_late}));
  owl_accumulate #(.COUNT_BITS(COUNT_BITS), .BITS(BITS)) sum (
      .clk(clk), .ce(add), .more(more), .init(init), .count(count), .x(x_late), .w(w_late), .total(total)
  );
endmodule

`default_nettype wire
