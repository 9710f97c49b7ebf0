// SPDX-License-Identifier: Apache-2.0
// Walks a convolution: for every output position (the corners of a 2x2 pool in turn) the rows of its window, their 64-bit words, and
// for each word the columns. Two neighbouring windows are walked at once where they overlap: one more column serves both, and where
// the lanes have kept its words from the pair before (`kept`), it is not read again.
// Addresses are quarters of a word, and each is found from the one before by a step of the table, which the compiler works out.
// The counters are a read ahead of the address and its tags, and so say which step comes next.
`include "owl_fields.vh"
`default_nettype none

module owl_window (
    input  wire        clk,
    input  wire        rst,
    input  wire        step_valid,     // writes the table: one EBR
    input  wire [ 2:0] step_index,
    input  wire [15:0] step_data,
    input  wire        start,          // one cycle; the fields below hold still from here to done
    input  wire [ 7:0] columns1,       // output columns (pairs of them), less one, before pooling
    input  wire [ 7:0] rows1,
    input  wire [ 1:0] reads_x1,       // columns read for a window (for a pair), less one
    input  wire [ 1:0] kernel_y1,
    input  wire [ 7:0] words1,         // words a tap, less one
    input  wire        pair,           // windows go in pairs,
    input  wire        kept,           //   whose first column is not read,
    input  wire        odd,            //   and the last of a row has no partner
    input  wire        pool,
    input  wire        pad_top,        // the first row reaches outside the map,
    input  wire        pad_bottom,     //   the last one,
    input  wire        pad_left,       //   the first column,
    input  wire        pad_right,      //   the last one
    output wire        read_valid,
    input  wire        read_grant,
    output reg  [15:0] read_quarter,
    output reg         tag_first,      // of this read: the first one of its row and word of the window,
    output reg         tag_second,     //   the second,
    output reg         tag_end,        //   the last,
    output reg         tag_left,       //   of a window at the left edge
    output reg         tag_counts,     //   it meets weights (the first column of a pair does not yet),
    output reg         tag_last,       //   the last of its window,
    output reg         tag_outside,    //   outside the map,
    output reg         tag_partner,    //   the window's right neighbour is of the map too
    output wire        busy
);
  reg [7:0] x, y, word;
  reg [1:0] kx, ky, corner;
  reg walking, valid;
  reg [2:0] gap;  // the post unit takes a window every four cycles at most
  reg wait_gap;  // gap is not 0
  reg pause;  // the sums begin anew in the cycle after a window, in a pair while its first column comes, where that is read
  wire lead = pair && !kept;
  wire advance = read_grant || !valid;
  assign busy = walking | valid;
  assign read_valid = valid && !pause && !(tag_last && wait_gap);

  // ---------------------------------------------------------------- the next read
  wire last_kx = (kx == reads_x1);
  wire last_word = (word == words1);
  wire last_ky = (ky == kernel_y1);
  wire last = last_kx && last_word && last_ky;
  wire last_x = (x == columns1);
  wire last_y = (y == rows1);
  wire lone = odd && last_x;
  wire beyond = last_kx || (lone && kx + 2'd1 == reads_x1);
  wire pool_ends = pool && (pair ? corner[1] : (corner == 2'd3));
  wire upper_ends = pool && (pair ? (corner == 2'd0) : (corner == 2'd1));
  wire done_x = pool_ends || !pool;
  wire row_ends = last_x && done_x;

  // ---------------------------------------------------------------- its address, and the step to the one after it
  (* ram_style = "block", no_rw_check *) reg [15:0] steps[0:255];
  reg [15:0] step;
  wire [2:0] from_window = row_ends ? `OWL_STEP_E : upper_ends ? `OWL_STEP_B : pool_ends ? `OWL_STEP_D : `OWL_STEP_A;
  wire [2:0] from_read = !last_kx ? `OWL_STEP_KX : !last_word ? `OWL_STEP_WORD : `OWL_STEP_KY;
  wire [2:0] which = start ? `OWL_STEP_BASE : last ? from_window : from_read;
  always @(posedge clk) begin
    if (step_valid) steps[{5'd0, step_index}] <= step_data;
    if (start || advance) step <= steps[{5'd0, which}];
  end

  always @(posedge clk) begin
    if (wait_gap) gap <= gap - 3'd1;
    wait_gap <= |gap[2:1];
    pause <= read_grant && tag_last && !lead;
    if (read_grant && tag_last) begin
      gap <= tag_partner ? 3'd7 : 3'd3;
      wait_gap <= 1'b1;
    end
    if (advance) begin
      valid <= walking;
      read_quarter <= read_quarter + step;
      tag_first <= (kx == 2'd0);
      tag_second <= (kx == 2'd1);
      tag_end <= last_kx;
      tag_left <= (x == 8'd0);
      tag_counts <= !lead || (kx != 2'd0);
      tag_last <= last;
      tag_outside <= (pad_top && ky == 2'd0 && y == 8'd0) || (pad_bottom && last_ky && last_y) ||
                     (pad_left && kx == 2'd0 && x == 8'd0) || (pad_right && beyond && last_x);
      tag_partner <= pair && !lone;
      kx <= last_kx ? 2'd0 : kx + 2'd1;
      if (last_kx) begin
        word <= last_word ? 8'd0 : word + 8'd1;
        if (last_word) ky <= last_ky ? 2'd0 : ky + 2'd1;
      end
      if (last) begin
        if (pool) corner <= corner + {pair, !pair};
        if (done_x) x <= last_x ? 8'd0 : x + 8'd1;
        else if (!pair) x <= upper_ends ? x - 8'd1 : x + 8'd1;
        if (pool ? (upper_ends || row_ends) : last_x) y <= y + 8'd1;
        else if (pool_ends) y <= y - 8'd1;
        if (row_ends && last_y) walking <= 1'b0;
      end
    end
    if (start) begin
      walking <= 1'b1;
      read_quarter <= 16'd0;
      {x, y, word} <= 24'd0;
      {kx, ky, corner} <= 6'd0;
    end
    if (rst) begin
      {walking, valid} <= 2'd0;
      gap <= 3'd0;
      wait_gap <= 1'b0;
      pause <= 1'b0;
    end
  end
endmodule

`default_nettype wire
