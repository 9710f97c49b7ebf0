// SPDX-License-Identifier: Apache-2.0
// OR of each window of ROWS x COLUMNS pixels, where windows overlap: columns from `owl_lines`, one slice of CHANNELS bits at a time.
`default_nettype none

module owl_pool_window #(
    parameter CHANNELS = 8,
    parameter SLICES = 2,
    parameter ROWS = 3,
    parameter COLUMNS = 3
) (
    input  wire                     clk,
    input  wire                     rst,
    input  wire                     s_valid,
    output wire                     s_ready,
    input  wire [ROWS*CHANNELS-1:0] s_data,
    input  wire                     s_emit,
    output wire                     m_valid,
    input  wire                     m_ready,
    output wire [     CHANNELS-1:0] m_data
);
  localparam PLACES = 8;
  wire room, ends, valid, first, last, never_full;
  wire [ROWS*COLUMNS*CHANNELS-1:0] x;
  owl_window #(
      .CHANNELS(CHANNELS),
      .SLICES(SLICES),
      .SUM_SLICES(1),
      .ROWS(ROWS),
      .COLUMNS(COLUMNS),
      .PASSES(1)
  ) window (
      .clk(clk),
      .rst(rst),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_data(s_data),
      .s_emit(s_emit),
      .room(room),
      .ends(ends),
      .valid(valid),
      .first(first),
      .last(last),
      .x(x)
  );
  owl_room #(
      .DEPTH(PLACES)
  ) places (
      .clk(clk),
      .rst(rst),
      .begun(ends),
      .taken(m_valid && m_ready),
      .room(room)
  );
  wire [CHANNELS-1:0] joined;
  owl_fifo #(
      .WIDTH(CHANNELS),
      .DEPTH(PLACES)
  ) results (
      .clk(clk),
      .rst(rst),
      .s_valid(valid),
      .s_ready(never_full),
      .s_data(joined),
      .m_valid(m_valid),
      .m_ready(m_ready),
      .m_data(m_data)
  );
  wire unused = &{first, last, never_full};
  generate
    genvar c, t;
    for (c = 0; c < CHANNELS; c = c + 1) begin : channels
      wire [ROWS*COLUMNS-1:0] taps;
      for (t = 0; t < ROWS * COLUMNS; t = t + 1) begin : wires
        assign taps[t] = x[t*CHANNELS+c];
      end
      assign joined[c] = |taps;
    end
  endgenerate
endmodule

`default_nettype wire
