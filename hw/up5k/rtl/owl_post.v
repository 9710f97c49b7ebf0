// SPDX-License-Identifier: Apache-2.0
// From the sums of a window to output bits: adds the quarters that belong together, compares with thresholds, ORs over a pool, and
// writes nibbles of four channels. In the raw mode of the last layer it hands the sums to the sender instead.
// A pass has up to four slots, one a nibble; quarters of one slot are added: 1 slot of 4, 2 of 2 or 4 of 1, by `mode`.
`include "owl_fields.vh"
`default_nettype none

module owl_post (
    input  wire         clk,
    input  wire         rst,
    input  wire         start,         // a pass begins
    input  wire [191:0] left_sums,     // of a window,
    input  wire [191:0] right_sums,    //   and with `partner` of its right neighbour, whose turn comes after
    input  wire         sums_valid,
    input  wire         partner,
    input  wire         pool,
    input  wire         pool_first,
    input  wire         pool_last,
    input  wire [  1:0] mode,          // width of a group
    input  wire         raw,
    input  wire [ 15:0] base,          // first output pixel, and
    input  wire [  8:0] step,          //   quarters from one to the next
    input  wire [4*`OWL_SLOT_BITS-1:0] slots,  // of the pass header
    input  wire         quad,          // all four slots in one write, where slot 0 says
    output wire [  1:0] threshold_slot,  // the thresholds of this slot are wanted,
    input  wire [ 63:0] thresholds,    //   two cycles later
    output reg          raw_valid,     // `counts` and `thresholds` stay until the pass ends
    output wire [ 55:0] counts,
    output reg          wr_valid,
    output reg  [ 15:0] wr_quarter,
    output reg  [  1:0] wr_nibble,
    output reg          wr_fill,
    output wire [ 15:0] wr_data,
    output wire         busy
);
  integer k;

  // ---------------------------------------------------------------- A: add quarter q of every filter
  reg [383:0] held;  // of filter k from 96k on: four quarters of the left window, then of the right one
  reg [1:0] a_quarter;
  reg a_valid, a_first, a_last, a_partner, a_ends_pool;
  wire by_quarters = (mode == `OWL_WIDTH_QUARTER);
  wire by_halves = (mode == `OWL_WIDTH_HALF);
  wire a_starts = by_quarters || (by_halves && !a_quarter[0]) || (a_quarter == 2'd0);
  wire a_ends = by_quarters || (by_halves && a_quarter[0]) || (a_quarter == 2'd3);
  assign threshold_slot = by_quarters ? a_quarter : by_halves ? {1'b0, a_quarter[1]} : 2'd0;
  // ---------------------------------------------------------------- B: the total of a slot; C: compare; D: pool; E: write
  reg [13:0] total[0:3];
  reg [13:0] c_total[0:3];
  reg [3:0] fired;
  reg b_valid, b_first, b_last, b_end, c_valid, c_first, c_last, c_end, d_valid, d_first, d_last, d_end;
  reg [1:0] b_slot, c_slot, d_slot, e_slot;
  reg [15:0] pooled;  // nibble e of the pool so far
  reg [15:0] pixel;   // where the output pixel begins
  wire [1:0] d_place = quad ? 2'd0 : d_slot;
  wire [`OWL_SLOT_BITS-1:0] d_where = slots[`OWL_SLOT_BITS*d_place+:`OWL_SLOT_BITS];
  wire [3:0] d_nibble = (d_first ? 4'd0 : pooled[4*d_slot+:4]) | fired;

  assign counts = {c_total[3], c_total[2], c_total[1], c_total[0]};
  assign wr_data = quad ? pooled : {4{pooled[4*e_slot+:4]}};
  assign busy = a_valid | b_valid | c_valid | d_valid | wr_valid;

  always @(posedge clk) begin
    // A
    if (sums_valid) begin
      for (k = 0; k < 4; k = k + 1) held[96*k+:96] <= {right_sums[48*k+:48], left_sums[48*k+:48]};
      a_valid <= 1'b1;
      a_quarter <= 2'd0;
      a_first <= pool_first;
      a_last <= pool_last && !(pool && partner);
      a_partner <= partner;
      a_ends_pool <= pool_last;
    end else if (a_valid) begin
      for (k = 0; k < 4; k = k + 1) held[96*k+:84] <= held[96*k+12+:84];
      a_quarter <= a_quarter + 2'd1;
      if (a_quarter == 2'd3) begin
        a_valid <= a_partner;
        a_partner <= 1'b0;
        a_first <= !pool;
        a_last <= a_ends_pool;
      end
    end
    if (a_valid) for (k = 0; k < 4; k = k + 1) total[k] <= (a_starts ? 14'd0 : total[k]) + {2'd0, held[96*k+:12]};
    b_valid <= a_valid && a_ends;
    b_slot <= threshold_slot;
    b_end <= (a_quarter == 2'd3);
    {b_first, b_last} <= {a_first, a_last};
    // B
    if (b_valid) for (k = 0; k < 4; k = k + 1) c_total[k] <= total[k];
    {c_valid, c_first, c_last, c_end} <= {b_valid, b_first, b_last, b_end};
    c_slot <= b_slot;
    raw_valid <= b_valid && raw;
    // C
    for (k = 0; k < 4; k = k + 1) fired[k] <= (c_total[k] >= thresholds[`OWL_FILTERS_THRESHOLD(k)]);
    {d_valid, d_first, d_last, d_end} <= {c_valid && !raw, c_first, c_last, c_end};
    d_slot <= c_slot;
    // D
    if (d_valid) pooled[4*d_slot+:4] <= d_nibble;
    wr_valid <= d_valid && d_last && (quad ? d_end : d_where[`OWL_SLOT_WRITE]);
    wr_quarter <= pixel + {8'd0, d_where[`OWL_SLOT_QUARTER]};
    wr_nibble <= d_where[`OWL_SLOT_NIBBLE];
    wr_fill <= d_where[`OWL_SLOT_FILL];
    e_slot <= d_slot;
    if (d_valid && d_last && d_end) pixel <= pixel + {7'd0, step};
    if (start) pixel <= base;
    if (rst) {a_valid, b_valid, c_valid, d_valid, wr_valid, raw_valid} <= 6'd0;
  end
endmodule

`default_nettype wire
