// SPDX-License-Identifier: Apache-2.0
// A map that comes pixel by pixel, each in SLICES slices of CHANNELS bits, to columns of ROWS pixels of the padded map: for each
// position and slice, the slice of the pixel there and of the ROWS - 1 pixels above it, the highest lowest in the word.
// `m_emit` is 1 where the kernel, whose last row and column lie at the position, gives an output. Padding is 0.
// Rows of the map are delayed by rings; columns of padding pass without them. What the first rows of a frame find in the rings
// is of the frame before; no output sees it.
`default_nettype none

module owl_lines #(
    parameter CHANNELS = 8,
    parameter SLICES = 2,
    parameter WIDTH = 8,  // of the map
    parameter HEIGHT = 8,
    parameter TOP = 1,
    parameter LEFT = 1,
    parameter BOTTOM = 1,
    parameter RIGHT = 1,
    parameter ROWS = 3,  // of the kernel
    parameter COLUMNS = 3,
    parameter STRIDE_Y = 1,
    parameter STRIDE_X = 1,
    parameter BLOCK = 0
) (
    input  wire                     clk,
    input  wire                     rst,
    input  wire                     s_valid,
    output wire                     s_ready,
    input  wire [     CHANNELS-1:0] s_data,
    output reg                      m_valid,
    input  wire                     m_ready,
    output reg  [ROWS*CHANNELS-1:0] m_data,
    output reg                      m_emit
);
  // The flags of this slice are registers; each counter makes those of the next one.
  wire real_x, real_y;  // not padding
  wire emit_x, emit_y;
  wire last_slice, last_x, last_y;

  wire come;
  wire [CHANNELS-1:0] slice_data;
  wire free = !m_valid || m_ready;
  wire real_here = real_x && real_y;
  wire step = free && (come || !real_here);
  owl_skid #(
      .WIDTH(CHANNELS)
  ) skid (
      .clk(clk),
      .rst(rst),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_data(s_data),
      .m_valid(come),
      .m_ready(free && real_here),
      .m_data(slice_data)
  );
  wire next_x = step && last_slice;
  wire next_y = next_x && last_x;

  localparam SLICE_BITS = (SLICES > 1) ? $clog2(SLICES) : 1;
  wire [SLICE_BITS-1:0] slice;
  wire first_slice;
  owl_modulo #(
      .COUNT(SLICES),
      .BITS (SLICE_BITS)
  ) slices (
      .clk  (clk),
      .rst  (rst),
      .step (step),
      .count(slice),
      .first(first_slice),
      .last (last_slice)
  );
  wire unused = &{slice, first_slice, last_y};
  owl_axis #(
      .SIZE(LEFT + WIDTH + RIGHT),
      .KERNEL(COLUMNS),
      .STRIDE(STRIDE_X),
      .BEFORE(LEFT),
      .INSIDE(WIDTH)
  ) across (
      .clk(clk),
      .rst(rst),
      .step(next_x),
      .last(last_x),
      .real_here(real_x),
      .emit(emit_x)
  );
  owl_axis #(
      .SIZE(TOP + HEIGHT + BOTTOM),
      .KERNEL(ROWS),
      .STRIDE(STRIDE_Y),
      .BEFORE(TOP),
      .INSIDE(HEIGHT)
  ) down (
      .clk(clk),
      .rst(rst),
      .step(next_y),
      .last(last_y),
      .real_here(real_y),
      .emit(emit_y)
  );

  wire [CHANNELS-1:0] new_slice = real_y ? slice_data : {CHANNELS{1'b0}};
  wire [ROWS*CHANNELS-1:0] column;
  generate
    if (ROWS == 1) begin : rows
      assign column = new_slice;
    end else begin : rows
      wire [(ROWS-1)*CHANNELS-1:0] above;
      owl_delay #(
          .WIDTH((ROWS - 1) * CHANNELS),
          .DEPTH(WIDTH * SLICES),
          .BLOCK(BLOCK)
      ) delay (
          .clk(clk),
          .rst(rst),
          .enable(step && real_x),
          .d(column[ROWS*CHANNELS-1:CHANNELS]),
          .q(above)
      );
      assign column = {new_slice, above};
    end
  endgenerate

  always @(posedge clk) begin
    if (free) m_valid <= step;
    if (step) begin
      m_emit <= emit_x && emit_y;
      m_data <= column;
      if (!real_x) m_data <= {ROWS * CHANNELS{1'b0}};
    end
    if (rst) m_valid <= 1'b0;
  end
endmodule

`default_nettype wire
