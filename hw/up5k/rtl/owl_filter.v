// SPDX-License-Identifier: Apache-2.0
// One of four filters at one window: four lanes, each a quarter of a word, and the sums over the window.
// By quarters there are four sums of 8 bits, sum q for quarter q; else two of 16 bits, in the places of sums 1 and 3: of the lower and
// of the upper half of the word, or in sum 1 of the whole word. A sum begins below its limit by the threshold: it reaches the limit
// where the popcount reaches the threshold. The upper 3 bits of 8 tell: the limit is 96, or 160 where the threshold is too high for 96
// (times 256 where a sum has 16 bits).
`default_nettype none

module owl_filter (
    input  wire        clk,
    input  wire        by_quarters,
    input  wire        by_words,
    input  wire        off_even,     // these quarters count nothing
    input  wire        off_odd,
    input  wire [63:0] activations,
    input  wire [63:0] weights,
    input  wire        set_top,      // `start` is where sums 2 and 3 begin,
    input  wire        set_bottom,   //   or sums 0 and 1
    input  wire [15:0] start,
    input  wire        move,
    input  wire        restart,
    input  wire [ 3:0] high,         // of each sum: its limit is 160
    output wire [ 3:0] reached,
    output wire [14:0] sum           // of the whole word
);
  wire [4:0] count[0:3];
  genvar q;
  generate
    for (q = 0; q < 4; q = q + 1) begin : g_lane
      owl_matches lane (
          .clk(clk),
          .off(q % 2 == 0 ? off_even : off_odd),
          .activations(activations[16*q+:16]),
          .weights(weights[16*q+:16]),
          .count(count[q])
      );
    end
  endgenerate

  wire [5:0] lower, upper;
  wire [6:0] whole;
  owl_join #(
      .WIDTH(5)
  ) join_lower (
      .both(!by_quarters),
      .a(count[0]),
      .b(count[1]),
      .sum(lower)
  );
  owl_join #(
      .WIDTH(5)
  ) join_upper (
      .both(!by_quarters),
      .a(count[2]),
      .b(count[3]),
      .sum(upper)
  );
  owl_join #(
      .WIDTH(6)
  ) join_whole (
      .both(by_words),
      .a(lower),
      .b(upper),
      .sum(whole)
  );

  /* verilator lint_off UNUSEDSIGNAL */
  wire [31:0] sums;
  /* verilator lint_on UNUSEDSIGNAL */
  owl_accumulator accumulator (
      .clk(clk),
      .set_top(set_top),
      .set_bottom(set_bottom),
      .start(start),
      .move(move),
      .restart(restart),
      .top({3'd0, count[3] & {5{by_quarters}}, 2'd0, upper}),
      .bottom({3'd0, count[1] & {5{by_quarters}}, 1'd0, whole}),
      .top_sum(sums[31:16]),
      .bottom_sum(sums[15:0])
  );
  assign sum = sums[14:0];
  generate
    for (q = 0; q < 4; q = q + 1) begin : g_reached
      wire [2:0] upper_bits = sums[8*q+5+:3];
      assign reached[q] = high[q] ? (upper_bits >= 3'd5) : (upper_bits >= 3'd3);
    end
  endgenerate
endmodule

`default_nettype wire
