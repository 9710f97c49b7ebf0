// SPDX-License-Identifier: Apache-2.0
// The arithmetic: two sets of 16 lanes of 16 bits, 512 binary multiply-accumulates a cycle when windows go in pairs.
// Lane 4k+q of a set matches filter k of four with quarter q of a word; a narrow pixel is repeated over all four quarters. In a pair
// the left window's lanes meet the word before, the right window's the newest one, with the same weights; alone, a window is the left.
// A granted read's word arrives after two cycles; its sums stand after four more, with sums_valid at the end of a window.
`include "owl_fields.vh"
`default_nettype none

module owl_lanes (
    input  wire         clk,
    input  wire         rst,
    input  wire         issue,        // a read is granted in this cycle, with these tags
    input  wire         pair,
    input  wire         tag_counts,
    input  wire         tag_first,
    input  wire         tag_last,
    input  wire         tag_outside,
    input  wire         tag_partner,
    input  wire         tag_pool_first,
    input  wire         tag_pool_last,
    input  wire [  1:0] tag_quarter,
    input  wire [  1:0] width,        // of a pixel
    input  wire [  7:0] weight_row,   // of the read granted in this cycle
    output wire [  7:0] weight_addr,  // the same, when the weight memory wants it
    input  wire [ 63:0] word,
    input  wire [255:0] weights,
    output wire [191:0] left_sums,    // sum of lane i at 12*i
    output wire [191:0] right_sums,
    output wire         sums_valid,
    output wire         partner,      // the right sums are of a window too
    output wire         pool_first,
    output wire         pool_last,
    output wire         busy
);
  // ---------------------------------------------------------------- tags travel with the data
  reg [6:1] valid, last, with_partner, pool_a, pool_z;
  reg [5:1] first, counts;
  reg [2:1] outside;
  reg [1:0] quarter_1, quarter_2;
  reg [7:0] row_1, row_2;
  assign weight_addr = row_2;
  assign sums_valid = valid[6] && last[6];
  assign partner = with_partner[6];
  assign pool_first = pool_a[6];
  assign pool_last = pool_z[6];
  assign busy = |valid;

  always @(posedge clk) begin
    valid <= rst ? 6'd0 : {valid[5:1], issue};
    counts <= {counts[4:1], issue && tag_counts};
    first <= {first[4:1], tag_first};
    last <= {last[5:1], tag_last};
    with_partner <= {with_partner[5:1], tag_partner};
    pool_a <= {pool_a[5:1], tag_pool_first};
    pool_z <= {pool_z[5:1], tag_pool_last};
    outside <= {outside[1], tag_outside};
    {quarter_2, quarter_1} <= {quarter_1, tag_quarter};
    {row_2, row_1} <= {row_1, weight_row};
  end

  // ---------------------------------------------------------------- the word, its quarters in place; outside the map all 0
  wire [63:0] placed;
  reg [63:0] newest, earlier;
  always @(posedge clk) begin
    if (valid[2]) begin
      newest <= placed;
      earlier <= pair ? newest : placed;
    end
  end
  genvar i;
  generate
    for (i = 0; i < 4; i = i + 1) begin : g_quarter
      localparam [1:0] OWN = i;
      wire [1:0] from = (width == `OWL_WIDTH_WORD) ? OWN : (width == `OWL_WIDTH_HALF) ? {quarter_2[1], OWN[0]} : quarter_2;
      wire [15:0] chosen = from[1] ? (from[0] ? word[63:48] : word[47:32]) : (from[0] ? word[31:16] : word[15:0]);
      assign placed[16*i+:16] = outside[2] ? 16'd0 : chosen;
    end
    for (i = 0; i < 16; i = i + 1) begin : g_lane
      owl_lane left (
          .clk(clk),
          .activations(earlier[16*(i%4)+:16]),
          .weights(weights[16*i+:16]),
          .sum_valid(counts[5]),
          .sum_first(first[5]),
          .sum(left_sums[12*i+:12])
      );
      owl_lane right (
          .clk(clk),
          .activations(newest[16*(i%4)+:16]),
          .weights(weights[16*i+:16]),
          .sum_valid(counts[5]),
          .sum_first(first[5]),
          .sum(right_sums[12*i+:12])
      );
    end
  endgenerate
endmodule

`default_nettype wire
