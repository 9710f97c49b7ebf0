// SPDX-License-Identifier: Apache-2.0
// From a camera's pixels to a network's: leaves out what lies left of and above the window, and gives the mean of each square of
// k x k pixels, rounded half up, row by row. Pixels right of and below the window are ignored.
// A square's sum of one row is added to what the memory keeps of the rows above; k*k/2 is what it starts from. After the last row
// comes a division by k*k, eight steps, since a mean has eight bits. Sums of more than 16 bits (k > 16, so at most 20 columns) keep
// their upper part in the upper half of the memory.
`default_nettype none

module owl_boxes (
    input  wire        clk,
    input  wire        rst,
    input  wire        setting_valid,  // four words follow one another, see below
    input  wire [15:0] setting,
    input  wire        run,          // frames are wanted
    input  wire        free,         // the engine can take a frame
    input  wire        frame_start,
    input  wire        line_start,
    input  wire        line_end,
    input  wire        pixel_valid,
    input  wire [ 7:0] pixel,
    output reg         active,       // a frame is coming in
    output reg         whole,        // each for one cycle: a frame has come in whole,
    output reg         skipped,      // or came while the engine was busy,
    output reg         broken,       // or ended too early, or one of its lines did,
    output reg         late,         // or a square was complete before the division of the last one
    output reg         mean_valid,
    output wire [ 7:0] mean
);
  // ---------------------------------------------------------------- settings: left; columns, rows; k*k; top, k (1: less one)
  reg [7:0] columns1, rows1, top, k1;
  reg [15:0] square;
  reg [8:0] left;
  always @(posedge clk)
    if (setting_valid) {left, columns1, rows1, square, top, k1} <= {columns1[0], rows1, square, top, k1, setting};

  // ---------------------------------------------------------------- where the camera is
  reg [7:0] y, row, column;  // lines and squares left
  reg [8:0] x;  // pixels left before the next square, or of this one
  reg in_rows, first_row, in_columns, first_column, line_done, arrived;
  wire last_row = (y == 8'd0);
  wire wanted = active && in_rows && !line_done;
  wire x_zero = (x == 9'd0);
  wire square_done = arrived && in_columns && x_zero;
  wire last_line = in_rows && last_row && row == 8'd0;

  // ---------------------------------------------------------------- sums
  reg [15:0] row_sum;
  reg [23:0] rest;  // the square's sum, then what is left of it by the division, quotient bits coming in below
  reg [ 3:0] step;  // 0 none, 1 and 2 add, then 3 and 4 store, or 3 to 10 divide; 2 and a store in 4 are for wide sums
  wire over = (step == 4'd0) || (step == 4'd10);  // the next square may follow
  wire wide = (k1[7:4] != 4'd0);
  wire [15:0] kept;
  wire [ 7:0] kept_address = (wide && step == 4'd1) || step == 4'd4 ? {1'b1, column[6:0]} : column;
  wire store = !last_row && ((step == 4'd3) || (wide && step == 4'd4));
  owl_sums sums (
      .clk(clk),
      .write(store),
      .write_address(kept_address),
      .d((step == 4'd4) ? {8'd0, rest[23:16]} : rest[15:0]),
      .read_address(kept_address),
      .q(kept)
  );
  wire [16:0] quotient_step = rest[23:7] - {1'b0, square};
  assign mean = rest[7:0];

  always @(posedge clk) begin
    whole <= 1'b0;
    skipped <= 1'b0;
    broken <= 1'b0;
    late <= 1'b0;
    mean_valid <= 1'b0;

    // lines
    if (line_start) begin
      y <= last_row ? k1 : y - 8'd1;
      first_row <= last_row;
      if (last_row) in_rows <= 1'b1;
      x <= left;
      column <= columns1;
      in_columns <= 1'b0;
      line_done <= 1'b0;
    end
    if (line_end && active && in_rows) begin
      if (last_row) row <= row - 8'd1;
      if (!line_done) {broken, active} <= 2'b10;
      else if (last_line) {whole, active} <= 2'b10;
    end
    if (frame_start) begin
      if (active) broken <= 1'b1;
      active <= run && free && !active;
      skipped <= run && !free && !active;
      y <= top;
      row <= rows1;
      in_rows <= 1'b0;
    end

    // pixels
    arrived <= pixel_valid && wanted;
    if (pixel_valid && wanted) begin
      x <= x_zero ? {1'b0, k1} : x - 9'd1;
      first_column <= x_zero;
      if (x_zero) begin
        in_columns <= 1'b1;
        if (in_columns) column <= column - 8'd1;
      end
    end
    if (arrived) row_sum <= (first_column ? 16'd0 : row_sum) + {8'd0, pixel};
    if (square_done) begin
      if (column == 8'd0) line_done <= 1'b1;
      if (!over) {late, active} <= 2'b10;
    end

    // squares
    if (over) step <= {3'd0, square_done};
    else if (step == 4'd1) step <= wide ? 4'd2 : 4'd3;
    else step <= (!last_row && (step == 4'd4 || (step == 4'd3 && !wide))) ? 4'd0 : step + 4'd1;
    if (step == 4'd1) rest <= {7'd0, {1'b0, row_sum} + {1'b0, first_row ? square >> 1 : kept}};
    else if (step == 4'd2) begin
      if (wide && !first_row) rest[23:16] <= rest[23:16] + kept[7:0];
    end else if (last_row) rest <= quotient_step[16] ? {rest[22:0], 1'b0} : {quotient_step[15:0], rest[6:0], 1'b1};
    if (step == 4'd10) mean_valid <= 1'b1;

    if (rst) {active, step, arrived} <= 6'd0;
  end
endmodule

`default_nettype wire
