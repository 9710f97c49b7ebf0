// SPDX-License-Identifier: Apache-2.0
// The scores, 2 * popcount - K per class: totals of PE classes at a time begin at -(K + K % 2) / 2, so a score is the total with one
// more bit, K % 2, below. They are sent as 16-bit two's complement, low byte first, class 0 first.
// The slice that ends a sum waits until the scores before it are sent.
`default_nettype none

module owl_scores #(
    parameter CHANNELS = 8,
    parameter SLICES = 8,
    parameter PASSES = 4,
    parameter PE = 4,
    parameter STAGES = 2,
    parameter TOTAL_BITS = 11,
    parameter ODD = 0,
    parameter BUFFER_BLOCK = 0,
    parameter BLOCK_WORDS = 512,  // these seven: see owl_rom
    parameter BLOCK_BITS = 36,
    parameter BLOCK_ROWS = 1,
    parameter BLOCK_COLUMNS = 1,
    parameter LUT_BITS = 0,
    parameter WEIGHTS = "",
    parameter WEIGHT_BITS = 0,
    parameter INITIAL_WORDS = 512,  // these five: see owl_array
    parameter INITIAL_BITS = 36,
    parameter INITIAL_COLUMNS = 0,
    parameter INITIAL_FILE = "",
    parameter INITIAL = 0
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                s_valid,
    output wire                s_ready,
    input  wire [CHANNELS-1:0] s_data,
    output wire                m_valid,
    input  wire                m_ready,
    output wire [         7:0] m_data
);
  wire ends, done;
  reg room, sending;
  wire [PE*TOTAL_BITS-1:0] totals;
  owl_filters #(
      .CHANNELS(CHANNELS),
      .SLICES(SLICES),
      .SUM_SLICES(SLICES),
      .ROWS(1),
      .COLUMNS(1),
      .PASSES(PASSES),
      .FLAT(1),
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
      .s_emit(1'b1),
      .room(room),
      .ends(ends),
      .done(done),
      .totals(totals)
  );

  localparam BITS = $clog2(2 * PE);
  localparam LAST = 2 * PE - 1;
  localparam [0:0] LOWEST = ODD;
  reg [PE*TOTAL_BITS-1:0] left;
  reg [BITS-1:0] count;
  wire last = count == LAST[BITS-1:0];
  wire [TOTAL_BITS-1:0] total = left[TOTAL_BITS-1:0];
  wire [TOTAL_BITS+15:0] score = {{15{total[TOTAL_BITS-1]}}, total, LOWEST};
  wire unused = &score[TOTAL_BITS+15:16];
  assign m_valid = sending;
  assign m_data  = count[0] ? score[15:8] : score[7:0];

  always @(posedge clk) begin
    if (ends) room <= 1'b0;
    if (done) begin
      left <= totals;
      sending <= 1'b1;
      count <= {BITS{1'b0}};
    end else if (sending && m_ready) begin
      count <= count + 1'b1;
      if (count[0]) left <= left >> TOTAL_BITS;
      if (last) begin
        sending <= 1'b0;
        room <= 1'b1;
      end
    end
    if (rst) begin
      room <= 1'b1;
      sending <= 1'b0;
    end
  end
endmodule

`default_nettype wire
