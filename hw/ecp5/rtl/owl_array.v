// SPDX-License-Identifier: Apache-2.0
// PE filters at once, each of SIMD inputs per cycle: XNOR, popcount, sum over the slices of a window.
//
// The weights' memory holds each weight inverted, so what differs from it matches the weight. A sum begins at the filter's entry of
// the ROM of INITIAL values, so a threshold needs no comparison: the highest bit of the total is the output.
// LANES groups of filters share the word: of each tap's LANES * CHANNELS bits, lane l takes its own CHANNELS bits.
// `valid`, `first` and `last` belong to the `x` and `w` beside them. `done` is 1 STAGES + 1 cycles after `last`, with the totals.
`default_nettype none

module owl_array #(
    parameter PE = 4,
    parameter TAPS = 9,
    parameter CHANNELS = 8,
    parameter LANES = 1,  // divides PE
    parameter STAGES = 2,  // of registers in a popcount, 2 or more
    parameter TOTAL_BITS = 11,
    parameter FOLDS = 4,  // words of the ROM of initial values
    parameter INITIAL_WORDS = 512,  // of block RAMs with them, see owl_rom
    parameter INITIAL_BITS = 36,
    parameter INITIAL_COLUMNS = 0,  // 0: they are INITIAL
    parameter INITIAL_FILE = "",
    parameter [((INITIAL_COLUMNS != 0) ? 1 : PE*TOTAL_BITS*FOLDS)-1:0] INITIAL = 0
) (
    input  wire                           clk,
    input  wire                           rst,
    input  wire                           valid,
    input  wire                           first,
    input  wire                           last,
    input  wire [TAPS*LANES*CHANNELS-1:0] x,
    input  wire [ PE*TAPS*CHANNELS-1:0] w,
    output reg                            done,
    output wire [        PE*TOTAL_BITS-1:0] totals
);
  localparam SIMD = TAPS * CHANNELS;
  localparam PER_LANE = PE / LANES;

  // ---------------------------------------------------------------- what belongs to the count, STAGES cycles later
  reg [STAGES-1:0] valid_r, more_r, last_r;
  wire [STAGES:0] valid_s = {valid_r, valid}, more_s = {more_r, !first}, last_s = {last_r, last};
  always @(posedge clk) begin
    valid_r <= valid_s[STAGES-1:0] & {STAGES{!rst}};
    more_r  <= more_s[STAGES-1:0];
    last_r  <= last_s[STAGES-1:0];
    done    <= valid_s[STAGES] && last_s[STAGES] && !rst;
  end

  // ---------------------------------------------------------------- initial values, two cycles after they are asked for
  wire [PE*TOTAL_BITS-1:0] init;
  owl_rom #(
      .WIDTH(PE * TOTAL_BITS),
      .DEPTH(FOLDS),
      .BLOCK_WORDS(INITIAL_WORDS),
      .BLOCK_BITS(INITIAL_BITS),
      .ROWS(1),
      .COLUMNS(INITIAL_COLUMNS),
      .LUT_BITS((INITIAL_COLUMNS == 0) ? PE * TOTAL_BITS : 0),
      .FILE(INITIAL_FILE),
      .CONTENT(INITIAL)
  ) initial_values (
      .clk (clk),
      .rst (rst),
      .next(valid_s[STAGES-2] && !more_s[STAGES-2]),
      .q   (init)
  );

  // ---------------------------------------------------------------- filters
  generate
    genvar p, t;
    for (p = 0; p < PE; p = p + 1) begin : filters
      wire [SIMD-1:0] inputs;
      for (t = 0; t < TAPS; t = t + 1) begin : taps
        assign inputs[t*CHANNELS+:CHANNELS] = x[(t*LANES+p/PER_LANE)*CHANNELS+:CHANNELS];
      end
      owl_lane #(
          .N(SIMD),
          .BITS(TOTAL_BITS),
          .STAGES(STAGES)
      ) lane (
          .clk(clk),
          .x(inputs),
          .w(w[p*SIMD+:SIMD]),
          .add(valid_r[STAGES-1]),
          .more(more_r[STAGES-1]),
          .init(init[p*TOTAL_BITS+:TOTAL_BITS]),
          .total(totals[p*TOTAL_BITS+:TOTAL_BITS])
      );
    end
  endgenerate
endmodule

`default_nettype wire
