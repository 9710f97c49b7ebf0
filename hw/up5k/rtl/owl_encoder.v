// SPDX-License-Identifier: Apache-2.0
// The learned thermometer: turns each pixel byte into bits by comparing it with thresholds, four a cycle, and stores the frame.
// A pixel's bits are described by table entries of four thresholds (0..256, 256 never fires); an entry may end a byte or a pixel.
// Bytes come in the order row, column, colour. `full` rises with the last pixel stored and falls on `release_frame`.
`include "owl_fields.vh"
`default_nettype none

module owl_encoder (
    input  wire        clk,
    input  wire        rst,
    input  wire        enable,
    input  wire        px_valid,
    output wire        px_ready,
    input  wire [ 7:0] px_data,
    input  wire [15:0] base,           // first quarter word of the frame, whose last one is the memory's last one
    input  wire        table_valid,
    input  wire [ 3:0] table_index,
    input  wire [`OWL_ENTRY_BITS-1:0] table_data,
    input  wire        release_frame,
    output reg         full,
    output wire        wr_next,        // wr_valid in the next cycle
    output reg         wr_valid,
    input  wire        wr_grant,
    output reg  [15:0] wr_quarter,
    output reg  [15:0] wr_data,
    output wire        empty           // nothing of a next frame has come yet
);
  // ---------------------------------------------------------------- two bytes deep, so that a byte can wait
  reg        have, next_have;
  reg  [7:0] pixel, next_pixel;
  assign px_ready = enable && !next_have;

  // ---------------------------------------------------------------- table of thresholds
  (* ram_style = "block", no_rw_check *) reg [`OWL_ENTRY_BITS-1:0] entries[0:15];
  reg  [`OWL_ENTRY_BITS-1:0] entry;
  reg  [ 3:0] index;
  wire        stall = (index[1:0] == 2'd3) && wr_valid && !wr_grant;
  wire        step = have && !stall && !full && !last_waiting;
  wire        ends_byte = entry[`OWL_ENTRY_ENDS_BYTE];
  wire        ends_pixel = entry[`OWL_ENTRY_ENDS_PIXEL];
  wire [ 3:0] index_next = !step ? index : ends_pixel ? 4'd0 : index + 4'd1;
  always @(posedge clk) begin
    if (table_valid) entries[table_index] <= table_data;
    entry <= entries[rst ? 4'd0 : index_next];
  end

  wire [3:0] fired;
  genvar i;
  generate
    for (i = 0; i < 4; i = i + 1) begin : g_compare
      assign fired[i] = {1'b0, pixel} >= entry[`OWL_ENTRY_THRESHOLD(i)];
    end
  endgenerate

  // ---------------------------------------------------------------- quarters of a word, one write each
  reg [11:0] gathered;
  reg [15:0] quarter;
  reg        begun;
  reg        last_waiting;  // the frame's last quarter waits for its write
  assign empty = !have && !next_have && !begun && !full;

  assign wr_next = !rst && ((step && index[1:0] == 2'd3) || (wr_valid && !wr_grant));

  always @(posedge clk) begin
    if (px_valid && px_ready) begin
      next_have  <= 1'b1;
      next_pixel <= px_data;
    end
    if (!have || (step && ends_byte)) begin
      have  <= next_have;
      pixel <= next_pixel;
      if (next_have) next_have <= 1'b0;
    end
    wr_valid <= wr_next;
    index <= index_next;
    if (step) begin
      gathered <= {fired, gathered[11:4]};
      if (index[1:0] == 2'd3) begin
        wr_quarter <= quarter;
        wr_data <= {fired, gathered};
        quarter <= quarter + 16'd1;
      end
      if (ends_pixel && (&quarter)) last_waiting <= 1'b1;
      begun <= 1'b1;
    end
    if (last_waiting && (wr_grant || !wr_valid)) begin
      last_waiting <= 1'b0;
      full <= 1'b1;
    end
    if (release_frame || !enable) begin
      full <= 1'b0;
      quarter <= base;
      begun <= 1'b0;
    end
    if (rst) begin
      have <= 1'b0;
      next_have <= 1'b0;
      index <= 4'd0;
      last_waiting <= 1'b0;
      full <= 1'b0;
    end
  end
endmodule

`default_nettype wire
