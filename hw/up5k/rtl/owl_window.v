// SPDX-License-Identifier: Apache-2.0
// Walks a convolution: for every output position (the corners of a 2x2 pool in turn) the rows of its window, their 64-bit words, and
// for each word the columns. Two neighbouring windows are walked at once where they overlap: one more column serves both.
// Addresses are quarters of a word and are found by adding increments alone; the compiler works them out.
`default_nettype none

module owl_window (
    input  wire        clk,
    input  wire        rst,
    input  wire        start,          // one cycle; the fields below hold still from here to done
    input  wire [15:0] base,           // first tap of the first window
    input  wire [ 7:0] first_weight,   // row of the weight memory where this pass begins
    input  wire [ 7:0] columns1,       // output columns (pairs of them), less one, before pooling
    input  wire [ 7:0] rows1,
    input  wire [ 1:0] reads_x1,       // columns read for a window (for a pair), less one
    input  wire [ 1:0] kernel_y1,
    input  wire [ 7:0] words1,         // words a tap, less one
    input  wire        pair,           // windows go in pairs,
    input  wire        odd,            //   and the last of a row has no partner
    input  wire        pool,
    input  wire        pad_top,        // the first row reaches outside the map,
    input  wire        pad_bottom,     //   the last one,
    input  wire        pad_left,       //   the first column,
    input  wire        pad_right,      //   the last one
    input  wire [15:0] step_kx,        // from a column to the next
    input  wire [15:0] step_word,      // from the last column of a word to the first of the next word
    input  wire [15:0] step_ky,        // from the last word of a row to the next row
    input  wire [15:0] step_a,         // from a window (pair) to its right neighbour
    input  wire [15:0] step_b,         // in a pool: from its upper right window, or upper pair, to what lies lower left
    input  wire [15:0] step_d,         // in a pool: from its last window or pair to the next pool
    input  wire [15:0] step_e,         // from the last window of a row (of pools) to the next row
    output wire        read_valid,
    input  wire        read_grant,
    output wire [15:0] read_quarter,
    output reg  [ 7:0] weight_row,
    output reg  [ 7:0] next_weight,    // where the next pass's weights begin; valid at done
    output wire        tag_counts,     // of the read now granted: it meets weights (the first column of a pair does not yet),
    output wire        tag_first,      //   first and last of its window to do so, outside the map,
    output wire        tag_last,
    output wire        tag_outside,
    output wire        tag_partner,    //   the window's right neighbour is of the map too,
    output wire        tag_pool_first, //   the first and the last window or pair of a pool
    output wire        tag_pool_last,
    output reg         busy
);
  reg [15:0] origin, offset;
  reg [7:0] x, y, word;
  reg [1:0] kx, ky, corner;
  reg [2:0] gap;  // the post unit takes a window every four cycles at most

  wire last_kx = (kx == reads_x1);
  wire last_word = (word == words1);
  wire last_ky = (ky == kernel_y1);
  wire last_x = (x == columns1);
  wire last_y = (y == rows1);
  wire lone = odd && last_x;
  wire beyond = last_kx || (lone && kx + 2'd1 == reads_x1);

  assign tag_counts = !pair || (kx != 2'd0);
  assign tag_first = (word == 8'd0) && (kx == {1'b0, pair}) && (ky == 2'd0);
  assign tag_last = last_word && last_kx && last_ky;
  assign tag_outside = (pad_top && ky == 2'd0 && y == 8'd0) || (pad_bottom && last_ky && last_y) ||
                       (pad_left && kx == 2'd0 && x == 8'd0) || (pad_right && beyond && last_x);
  assign tag_partner = pair && !lone;
  wire pool_ends = pair ? corner[1] : (corner == 2'd3);
  assign tag_pool_first = !pool || (corner == 2'd0);
  assign tag_pool_last = !pool || pool_ends;
  assign read_valid = busy && !(tag_last && gap != 3'd0);
  assign read_quarter = origin + offset;

  wire upper_ends = pair ? (corner == 2'd0) : (corner == 2'd1);
  wire row_ends = last_x && tag_pool_last;
  wire [15:0] stride = row_ends ? step_e : !pool ? step_a : upper_ends ? step_b : pool_ends ? step_d : step_a;

  always @(posedge clk) begin
    if (gap != 3'd0) gap <= gap - 3'd1;
    if (read_grant) begin
      kx <= last_kx ? 2'd0 : kx + 2'd1;
      if (last_kx) begin
        word <= last_word ? 8'd0 : word + 8'd1;
        if (last_word) ky <= last_ky ? 2'd0 : ky + 2'd1;
      end
      offset <= tag_last ? 16'd0 : offset + (!last_kx ? step_kx : !last_word ? step_word : step_ky);
      if (tag_counts) weight_row <= tag_last ? first_weight : weight_row + 8'd1;
      if (tag_last) begin
        gap <= tag_partner ? 3'd7 : 3'd3;
        origin <= origin + stride;
        next_weight <= weight_row + 8'd1;
        if (pool) corner <= corner + {pair, !pair};
        if (tag_pool_last) x <= last_x ? 8'd0 : x + 8'd1;
        else if (!pair) x <= upper_ends ? x - 8'd1 : x + 8'd1;
        if (pool ? (upper_ends || row_ends) : last_x) y <= y + 8'd1;
        else if (pool && pool_ends) y <= y - 8'd1;
        if (row_ends && last_y) busy <= 1'b0;
      end
    end
    if (start) begin
      busy <= 1'b1;
      origin <= base;
      offset <= 16'd0;
      {x, y, word} <= 24'd0;
      {kx, ky, corner} <= 6'd0;
      weight_row <= first_weight;
    end
    if (rst) begin
      busy <= 1'b0;
      gap  <= 3'd0;
    end
  end
endmodule

`default_nettype wire
