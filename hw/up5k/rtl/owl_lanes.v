// SPDX-License-Identifier: Apache-2.0
// The arithmetic: four filters at two windows, 512 binary multiply-accumulates a cycle when windows go in pairs.
// In a pair the left window meets the word before, the right window the newest one, with the same weights; alone, a window is the left,
// and with `split` the right set of lanes takes its quarters 0 and 2. A narrow pixel is repeated over all four quarters.
// A granted read's word arrives after two cycles; what its window reaches stands after eight, with `done` at the end of a window.
`include "owl_fields.vh"
`default_nettype none

module owl_lanes (
    input  wire         clk,
    input  wire         rst,
    input  wire         start,        // a pass begins
    input  wire         issue,        // a read is granted in this cycle, with these tags
    input  wire         pair,
    input  wire         kept,         // the column before the first one of a pair comes from the line memory,
    input  wire         pool,         //   which keeps it for the upper and the lower windows of a pool
    input  wire         by_quarters,
    input  wire         by_words,
    input  wire         split,
    input  wire         raw,          // the sums stay until the next pass
    input  wire         tag_first,
    input  wire         tag_second,
    input  wire         tag_end,
    input  wire         tag_left,
    input  wire         tag_counts,
    input  wire         tag_last,
    input  wire         tag_outside,
    input  wire         tag_partner,
    input  wire [  1:0] tag_quarter,
    input  wire [  1:0] width,        // of a pixel
    input  wire         more,         // reads of this pass are to come
    input  wire         first_row,    // the weights of the next pass begin at row 0, else behind those of the last one
    output reg  [  7:0] weight_row,   // for the read granted two cycles ago
    input  wire [ 63:0] word,
    input  wire [255:0] weights,
    input  wire         set_top,      // `word` is where sums begin: of both windows,
    input  wire         set_bottom,
    input  wire         set_right,    //   or of the right one alone
    output reg  [ 15:0] left,         // bit 4j+k: filter k reached the threshold in sum j
    output reg  [ 15:0] right,
    output wire [ 59:0] sums,         // of the left window's four filters
    output wire         done,
    output wire         partner,      // the right window is one of the map too
    output wire         busy
);
  // ---------------------------------------------------------------- tags travel with the data
  reg [8:0] finish;  // a window's end, and in the cycle after it whether it has a partner: ends are four cycles apart
  reg [5:1] counts;
  reg [3:1] second;
  reg [2:1] valid, outside, first, at_left;
  reg [1:0] quarter_1, quarter_2;
  reg [7:0] pass_row;
  reg move, restart, after;
  wire ends_2 = finish[2] && !finish[3];
  wire ends_6 = finish[6] && !finish[7];
  assign done = finish[8] && !after;
  assign partner = finish[7];
  assign busy = |finish;

  always @(posedge clk) begin
    finish <= rst ? 9'd0 : {finish[7:1], (issue && tag_last) || finish[0], issue && tag_last && tag_partner};
    after <= done;
    valid <= {valid[1], issue};
    second <= {second[2:1], issue && tag_second};
    first <= {first[1], issue && kept && tag_first};
    at_left <= {at_left[1], tag_left};
    counts <= {counts[4:1], issue && tag_counts};
    outside <= {outside[1], tag_outside};
    {quarter_2, quarter_1} <= {quarter_1, tag_quarter};
    restart <= start || (ends_6 && !raw);
    move <= start || (ends_6 && !raw) || counts[5];
    if (counts[2]) weight_row <= (ends_2 && more) ? pass_row : weight_row + 8'd1;
    if (first_row) weight_row <= 8'd0;
    if (start) pass_row <= weight_row;
  end

  // ---------------------------------------------------------------- the word, its quarters in place; outside the map all 0
  wire [63:0] placed;
  reg [63:0] newest, earlier;
  reg [31:0] lines_q, line_low;
  always @(posedge clk) begin
    if (valid[2]) begin
      newest <= placed;
      earlier <= first[2] ? {lines_q, line_low} : pair ? newest : placed;
      if (first[2] && at_left[2]) earlier <= 64'd0;
    end
  end

  // ---------------------------------------------------------------- line memory: the column of a pair that the next pair begins with
  // Two EBR, so that a word goes in two halves: the second read of each row and word of a window is kept, in the cycles in which it
  // comes and stands in `newest`; the first read takes what the pair to the left kept.
  (* ram_style = "block", no_rw_check *) reg [31:0] lines[0:255];
  reg [6:0] line_0, line_1, line_2, line_3;  // row and word of the read granted 0 to 3 cycles ago; from 64 on the lower ones of a pool
  wire [7:0] kept_at = second[2] ? {line_2, 1'b0} : {line_3, 1'b1};
  wire [7:0] taken_at = first[1] ? {line_1, 1'b1} : {line_0, 1'b0};
  always @(posedge clk) begin
    if (second[2] || second[3]) lines[kept_at] <= second[2] ? placed[31:0] : newest[63:32];
    lines_q  <= lines[taken_at];
    line_low <= lines_q;
    {line_3, line_2, line_1} <= {line_2, line_1, line_0};
    if (start) line_0 <= 7'd0;
    else if (issue && tag_last) line_0 <= {line_0[6] ^ pool, 6'd0};
    else if (issue && tag_end) line_0 <= line_0 + 7'd1;
  end
  genvar i;
  generate
    for (i = 0; i < 4; i = i + 1) begin : g_quarter
      localparam [1:0] OWN = i;
      wire [1:0] from = (width == `OWL_WIDTH_WORD) ? OWN : (width == `OWL_WIDTH_HALF) ? {quarter_2[1], OWN[0]} : quarter_2;
      wire [15:0] chosen = from[1] ? (from[0] ? word[63:48] : word[47:32]) : (from[0] ? word[31:16] : word[15:0]);
      assign placed[16*i+:16] = outside[2] ? 16'd0 : chosen;
    end
  endgenerate

  // ---------------------------------------------------------------- filters
  reg  [15:0] high;  // as `left`
  wire [15:0] left_reached, right_reached;
  generate
    for (i = 0; i < 4; i = i + 1) begin : g_filter
      // Where sums have 8 bits, they begin at 7 bits, and the eighth says which limit they have.
      wire even_high = word[`OWL_START_EVEN_HIGH(i)], odd_high = word[`OWL_START_ODD_HIGH(i)];
      wire [15:0] begins = {1'b0, word[`OWL_START_ODD(i)], even_high & !by_quarters, word[`OWL_START_EVEN(i)]};
      wire [3:0] left_bits, right_bits;
      /* verilator lint_off UNUSEDSIGNAL */
      wire [14:0] right_sum;
      /* verilator lint_on UNUSEDSIGNAL */
      wire [3:0] limits = {high[12+i], high[8+i], high[4+i], high[i]};
      owl_filter left_filter (
          .clk(clk),
          .by_quarters(by_quarters),
          .by_words(by_words),
          .off_even(split),
          .off_odd(1'b0),
          .activations(earlier),
          .weights(weights[64*i+:64]),
          .set_top(set_top && !set_right),
          .set_bottom(set_bottom && !set_right),
          .start(begins),
          .move(move),
          .restart(restart),
          .high(limits),
          .reached(left_bits),
          .sum(sums[15*i+:15])
      );
      owl_filter right_filter (
          .clk(clk),
          .by_quarters(by_quarters),
          .by_words(by_words),
          .off_even(1'b0),
          .off_odd(split),
          .activations(newest),
          .weights(weights[64*i+:64]),
          .set_top(set_top),
          .set_bottom(set_bottom),
          .start(begins),
          .move(move),
          .restart(restart),
          .high(limits),
          .reached(right_bits),
          .sum(right_sum)
      );
      assign {left_reached[12+i], left_reached[8+i], left_reached[4+i], left_reached[i]} = left_bits;
      assign {right_reached[12+i], right_reached[8+i], right_reached[4+i], right_reached[i]} = right_bits;
      always @(posedge clk) begin
        if (set_bottom) {high[4+i], high[i]} <= {odd_high, even_high};
        if (set_top) {high[12+i], high[8+i]} <= {odd_high, even_high};
      end
    end
  endgenerate
  always @(posedge clk) if (finish[7] && !finish[8]) {right, left} <= {right_reached, left_reached};
endmodule

`default_nettype wire
