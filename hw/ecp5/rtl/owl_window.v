// SPDX-License-Identifier: Apache-2.0
// The window under a kernel, for PASSES passes over each position: all taps of one slice of CHANNELS bits per cycle.
//
// Columns come from `owl_lines`. Each tap has a small memory of SLICES words; the memories of all taps share one address. During the
// last pass over a position the next column moves in: what is read of a tap is written to the tap on its left, at the same address,
// and never read again before. So a position takes PASSES * SLICES cycles, one without an output SLICES. A sum never waits for the
// next column: from the first slice on that is not there in time, the column moves in afterwards, in a pass of its own.
// With one pass there is nothing to keep but what is to the left: the column that comes is the window's last column.
// `x`: bit (row * COLUMNS + column) * CHANNELS + channel. A sum begins and ends every SUM_SLICES slices; the slice that ends one
// waits for `room`.
`default_nettype none

module owl_window #(
    parameter CHANNELS = 8,
    parameter SLICES = 2,
    parameter SUM_SLICES = 2,  // divides SLICES
    parameter ROWS = 3,
    parameter COLUMNS = 3,
    parameter PASSES = 4
) (
    input  wire                             clk,
    input  wire                             rst,
    input  wire                             s_valid,
    output wire                             s_ready,
    input  wire [        ROWS*CHANNELS-1:0] s_data,
    input  wire                             s_emit,
    input  wire                             room,
    output wire                             ends,   // a sum ends with the slice that is read now
    output reg                              valid,
    output reg                              first,
    output reg                              last,
    output reg  [ROWS*COLUMNS*CHANNELS-1:0] x
);
  localparam ADDRESS_BITS = (SLICES > 1) ? $clog2(SLICES) : 1;
  localparam SUM_BITS = (SUM_SLICES > 1) ? $clog2(SUM_SLICES) : 1;
  localparam PASS_BITS = (PASSES > 1) ? $clog2(PASSES) : 1;
  wire first_slice, last_slice, sum_first, sum_last;
  wire [ADDRESS_BITS-1:0] address;
  wire compute, load, step;
  assign ends = step && compute && sum_last;

  owl_modulo #(
      .COUNT(SLICES),
      .BITS (ADDRESS_BITS)
  ) slices (
      .clk  (clk),
      .rst  (rst),
      .step (step),
      .count(address),
      .first(first_slice),
      .last (last_slice)
  );
  wire [SUM_BITS-1:0] sum_count;
  owl_modulo #(
      .COUNT(SUM_SLICES),
      .BITS (SUM_BITS)
  ) sums (
      .clk  (clk),
      .rst  (rst),
      .step (step),
      .count(sum_count),
      .first(sum_first),
      .last (sum_last)
  );

  // ---------------------------------------------------------------- passes
  generate
    if (PASSES == 1) begin : passes
      assign {compute, load, step} = {s_emit, 1'b1, s_valid && (!s_emit || !sum_last || room)};
      assign s_ready = step;
      wire unused = &{first_slice, last_slice, sum_count, rst};
    end else begin : passes
      reg computing;  // else only loading
      reg broken;  // a slice of the next column was missing in this last pass
      reg [ADDRESS_BITS-1:0] kept;  // slices of the next column that were loaded before this pass
      reg beyond;  // those, in a pass that only loads
      wire [PASS_BITS-1:0] pass;
      wire first_pass, last_pass;
      wire ready = computing ? last_pass && !broken : beyond;
      wire breaks = computing && ready && !s_valid;
      assign compute = computing;
      assign load = ready && s_valid;
      assign step = computing ? !sum_last || room : !beyond || s_valid;
      assign s_ready = computing ? ready && (!sum_last || room) : beyond;
      wire ends_pass = step && last_slice;
      owl_modulo #(
          .COUNT(PASSES),
          .BITS (PASS_BITS)
      ) passes_done (
          .clk  (clk),
          .rst  (rst),
          .step (ends_pass && computing),
          .count(pass),
          .first(first_pass),
          .last (last_pass)
      );
      wire none_kept = broken ? kept == {ADDRESS_BITS{1'b0}} : !breaks || first_slice;
      wire [ADDRESS_BITS-1:0] follow = address + 1'b1;
      always @(posedge clk) begin
        if (step) beyond <= last_slice ? !computing || none_kept : beyond || (follow == kept);
        if (step && breaks) begin
          broken <= 1'b1;
          kept   <= address;
        end
        if (ends_pass) begin
          broken <= 1'b0;
          computing <= load ? s_emit : computing && !last_pass;
          if (!computing) kept <= {ADDRESS_BITS{1'b0}};
        end
        if (rst) begin
          computing <= 1'b0;
          broken <= 1'b0;
          beyond <= 1'b1;
          kept <= {ADDRESS_BITS{1'b0}};
        end
      end
      wire unused = &{first_pass, pass, sum_count};
    end
  endgenerate

  // ---------------------------------------------------------------- taps
  localparam KEPT = (PASSES == 1) ? COLUMNS - 1 : COLUMNS;  // columns in memory, the newest ones
  localparam ROW = COLUMNS * CHANNELS;  // bits of a row of taps
  localparam KEPT_ROW = KEPT * CHANNELS;
  wire [ROWS*ROW-1:0] present, moved;
  generate
    genvar row;
    for (row = 0; row < ROWS; row = row + 1) begin : rows
      if (COLUMNS == 1) begin : shift
        assign moved[row*ROW+:ROW] = s_data[row*CHANNELS+:CHANNELS];
      end else begin : shift
        assign moved[row*ROW+:ROW] = {s_data[row*CHANNELS+:CHANNELS], present[row*ROW+CHANNELS+:ROW-CHANNELS]};
      end
      if (KEPT != COLUMNS) begin : dropped
        assign present[row*ROW+:CHANNELS] = {CHANNELS{1'b0}};
      end
    end
    if (KEPT > 0) begin : memory
      wire [ROWS*KEPT_ROW-1:0] d, q;
      for (row = 0; row < ROWS; row = row + 1) begin : rows
        assign d[row*KEPT_ROW+:KEPT_ROW] = moved[row*ROW+ROW-KEPT_ROW+:KEPT_ROW];
        assign present[row*ROW+ROW-KEPT_ROW+:KEPT_ROW] = q[row*KEPT_ROW+:KEPT_ROW];
      end
      if (SLICES == 1) begin : taps
        reg [ROWS*KEPT_ROW-1:0] word;
        assign q = word;
        always @(posedge clk) if (step && load) word <= d;
        wire unused = &{address};
      end else begin : taps
        (* ram_style = "distributed" *) reg [ROWS*KEPT_ROW-1:0] words[0:SLICES-1];
        assign q = words[address];
        always @(posedge clk) if (step && load) words[address] <= d;
      end
    end else begin : memory
      wire unused = &{address};
    end
  endgenerate

  always @(posedge clk) begin
    valid <= step && compute && !rst;
    first <= sum_first;
    last  <= sum_last;
    x     <= (PASSES == 1) ? moved : present;
  end
endmodule

`default_nettype wire
