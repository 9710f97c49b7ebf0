// SPDX-License-Identifier: Apache-2.0
// The learned thermometer: turns each pixel byte into bits by comparing it with thresholds, two a cycle, and stores the frame.
// A pixel's bits are described by table entries of four thresholds (0..256, 256 never fires); an entry may end a byte or a pixel.
// The table holds each entry as two halves, so that it takes two EBR.
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
    input  wire [ 4:0] table_index,    // {entry, half}
    input  wire [`OWL_ENTRY_BITS-1:0] table_data,
    input  wire        release_frame,
    output reg         full,
    output wire        wr_late,        // the encoder waits for a write
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
  (* ram_style = "block", no_rw_check *) reg [19:0] halves[0:31];
  localparam [4:0] FIRST = 2;  // before the first entry stands the word that the memory holds before the table
  reg  [19:0] half;
  wire        upper = table_index[0];
  wire [ 8:0] low = upper ? table_data[`OWL_ENTRY_THRESHOLD(2)] : table_data[`OWL_ENTRY_THRESHOLD(0)];
  wire [ 8:0] high = upper ? table_data[`OWL_ENTRY_THRESHOLD(3)] : table_data[`OWL_ENTRY_THRESHOLD(1)];
  reg  [ 4:0] index;
  wire        stall = (index[2:0] == 3'd1) && wr_valid;
  wire        step = have && !stall && !full && !last_waiting;
  wire        ends_pixel = half[19];
  wire        ends_byte = half[18];
  wire [ 4:0] index_next = !step ? index : ends_pixel ? FIRST : index + 5'd1;
  always @(posedge clk) begin
    if (table_valid) begin
      halves[table_index] <= {
        upper & table_data[`OWL_ENTRY_ENDS_PIXEL], upper & table_data[`OWL_ENTRY_ENDS_BYTE], high, low
      };
    end
    half <= halves[rst ? FIRST : index_next];
  end

  wire [1:0] fired = {{1'b0, pixel} >= half[17:9], {1'b0, pixel} >= half[8:0]};

  // ---------------------------------------------------------------- quarters of a word, one write each
  reg [13:0] gathered;
  reg [15:0] quarter;
  reg        begun;
  reg        last_waiting;  // the frame's last quarter waits for its write
  assign empty = !have && !next_have && !begun && !full;

  assign wr_late = stall && have;

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
    wr_valid <= wr_valid && !wr_grant;
    index <= index_next;
    if (step) begin
      gathered <= {fired, gathered[13:2]};
      if (index[2:0] == 3'd1) begin
        wr_valid <= 1'b1;
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
      wr_valid <= 1'b0;
      next_have <= 1'b0;
      index <= FIRST;
      last_waiting <= 1'b0;
      full <= 1'b0;
    end
  end
endmodule

`default_nettype wire
