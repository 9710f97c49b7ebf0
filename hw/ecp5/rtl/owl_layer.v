// SPDX-License-Identifier: Apache-2.0
// A convolution or a hidden linear layer, from columns of its padded map to words of PE output bits: window, weights, filters, and a
// FIFO for what is under way when the next layer stops.
`default_nettype none

module owl_layer #(
    parameter CHANNELS = 8,  // of a slice, per lane
    parameter LANES = 1,
    parameter SLICES = 8,
    parameter SUM_SLICES = 8,
    parameter ROWS = 3,
    parameter COLUMNS = 3,
    parameter PASSES = 4,
    parameter FLAT = 0,
    parameter PE = 4,
    parameter STAGES = 2,
    parameter TOTAL_BITS = 11,
    parameter BUFFER_BLOCK = 0,
    parameter PLACES = 16,  // of the FIFO
    parameter BLOCK_WORDS = 512,  // these seven: see owl_rom
    parameter BLOCK_BITS = 36,
    parameter BLOCK_ROWS = 1,
    parameter BLOCK_COLUMNS = 8,
    parameter LUT_BITS = 0,
    parameter WEIGHTS = "",
    parameter WEIGHT_BITS = 0,
    parameter INITIAL_WORDS = 512,  // these five: see owl_array
    parameter INITIAL_BITS = 36,
    parameter INITIAL_COLUMNS = 0,
    parameter INITIAL_FILE = "",
    parameter INITIAL = 0
) (
    input  wire                           clk,
    input  wire                           rst,
    input  wire                           s_valid,
    output wire                           s_ready,
    input  wire [ROWS*LANES*CHANNELS-1:0] s_data,
    input  wire                           s_emit,
    output wire                           m_valid,
    input  wire                           m_ready,
    output wire [                 PE-1:0] m_data
);
  wire done, room;
  wire [PE*TOTAL_BITS-1:0] totals;
  wire ends;
  owl_filters #(
      .CHANNELS(CHANNELS),
      .LANES(LANES),
      .SLICES(SLICES),
      .SUM_SLICES(SUM_SLICES),
      .ROWS(ROWS),
      .COLUMNS(COLUMNS),
      .PASSES(PASSES),
      .FLAT(FLAT),
      .PE(PE),
      .STAGES(STAGES),
      .TOTAL_BITS(TOTAL_BITS),
      .BUFFER_BLOCK(BUFFER_BLOCK),
      .BLOCK_WORDS(BLOCK_WORDS),
      .BLOCK_BITS(BLOCK_BITS),
      .BLOCK_ROWS(BLOCK_ROWS),
      .BLOCK_COLUMNS(BLOCK_COLUMNS),
      .LUT_BITS(LUT_BITS),
      .WEIGHTS(WEIGHTS),
      .WEIGHT_BITS(WEIGHT_BITS),
      .INITIAL_WORDS(INITIAL_WORDS),
      .INITIAL_BITS(INITIAL_BITS),
      .INITIAL_COLUMNS(INITIAL_COLUMNS),
      .INITIAL_FILE(INITIAL_FILE),
      .INITIAL(INITIAL)
  ) filters (
      .clk(clk),
      .rst(rst),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_data(s_data),
      .s_emit(s_emit),
      .room(room),
      .ends(ends),
      .done(done),
      .totals(totals)
  );
  wire [PE-1:0] fired;
  wire never_full;
  owl_room #(
      .DEPTH(PLACES)
  ) places (
      .clk(clk),
      .rst(rst),
      .begun(ends),
      .taken(m_valid && m_ready),
      .room(room)
  );
  owl_fifo #(
      .WIDTH(PE),
      .DEPTH(PLACES)
  ) results (
      .clk(clk),
      .rst(rst),
      .s_valid(done),
      .s_ready(never_full),
      .s_data(fired),
      .m_valid(m_valid),
      .m_ready(m_ready),
      .m_data(m_data)
  );
  wire unused = &{never_full, totals};
  generate
    genvar p;
    for (p = 0; p < PE; p = p + 1) begin : signs
      assign fired[p] = totals[p*TOTAL_BITS+TOTAL_BITS-1];
    end
  endgenerate
endmodule

`default_nettype wire
