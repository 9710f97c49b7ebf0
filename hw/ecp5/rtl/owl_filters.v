// SPDX-License-Identifier: Apache-2.0
// Window, weights and filters of a layer: columns in, PE totals out. `ends` is 1 with the slice that ends a sum, for which there was
// `room`; later `done` is 1 while `totals` are those of that sum.
// A layer that is FLAT, that is, takes a whole map at once, has a kernel of 1x1, and a buffer in place of the window.
`default_nettype none

module owl_filters #(
    parameter CHANNELS = 8,
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
    parameter BUFFER_BLOCK = 0,  // a flat layer's inputs in block RAM
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
    input  wire                           room,
    output wire                           ends,
    output wire                           done,
    output wire [      PE*TOTAL_BITS-1:0] totals
);
  localparam TAPS = ROWS * COLUMNS;
  localparam FOLDS = PASSES * SLICES / SUM_SLICES;
  localparam X_BITS = TAPS * LANES * CHANNELS;
  localparam W_BITS = PE * TAPS * CHANNELS;

  wire valid, first, last;
  wire [X_BITS-1:0] x;
  generate
    if (FLAT != 0 && PASSES > 1) begin : inputs
      owl_buffer #(
          .WIDTH(X_BITS),
          .WORDS(SLICES),
          .PASSES(PASSES),
          .BLOCK(BUFFER_BLOCK)
      ) buffer (
          .clk(clk),
          .rst(rst),
          .s_valid(s_valid),
          .s_ready(s_ready),
          .s_data(s_data),
          .room(room),
          .ends(ends),
          .valid(valid),
          .first(first),
          .last(last),
          .x(x)
      );
      wire unused = s_emit;
    end else begin : inputs
      owl_window #(
          .CHANNELS(LANES * CHANNELS),
          .SLICES(SLICES),
          .SUM_SLICES(SUM_SLICES),
          .ROWS(ROWS),
          .COLUMNS(COLUMNS),
          .PASSES(PASSES)
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
    end
  endgenerate

  wire [W_BITS-1:0] w;
  owl_rom #(
      .WIDTH(W_BITS),
      .DEPTH(PASSES * SLICES),
      .BLOCK_WORDS(BLOCK_WORDS),
      .BLOCK_BITS(BLOCK_BITS),
      .ROWS(BLOCK_ROWS),
      .COLUMNS(BLOCK_COLUMNS),
      .LUT_BITS(LUT_BITS),
      .FILE(WEIGHTS),
      .CONTENT(WEIGHT_BITS)
  ) weights (
      .clk (clk),
      .rst (rst),
      .next(valid),
      .q   (w)
  );

  // ---------------------------------------------------------------- the window waits for its weights
  localparam LATENCY = (BLOCK_ROWS > 1) ? 3 : 2;
  reg [LATENCY-1:0] valid_r, first_r, last_r;
  reg [LATENCY*X_BITS-1:0] x_r;
  always @(posedge clk) begin
    valid_r <= {valid_r[LATENCY-2:0], valid} & {LATENCY{!rst}};
    first_r <= {first_r[LATENCY-2:0], first};
    last_r  <= {last_r[LATENCY-2:0], last};
    x_r <= {x_r[(LATENCY-1)*X_BITS-1:0], x};
  end

  owl_array #(
      .PE(PE),
      .TAPS(TAPS),
      .CHANNELS(CHANNELS),
      .LANES(LANES),
      .STAGES(STAGES),
      .TOTAL_BITS(TOTAL_BITS),
      .FOLDS(FOLDS),
      .INITIAL_WORDS(INITIAL_WORDS),
      .INITIAL_BITS(INITIAL_BITS),
      .INITIAL_COLUMNS(INITIAL_COLUMNS),
      .INITIAL_FILE(INITIAL_FILE),
      .INITIAL(INITIAL)
  ) array (
      .clk(clk),
      .rst(rst),
      .valid(valid_r[LATENCY-1]),
      .first(first_r[LATENCY-1]),
      .last(last_r[LATENCY-1]),
      .x(x_r[LATENCY*X_BITS-1-:X_BITS]),
      .w(w),
      .done(done),
      .totals(totals)
  );
endmodule

`default_nettype wire
