// SPDX-License-Identifier: Apache-2.0
// A position along one axis of a map, 0..SIZE-1, among windows of KERNEL every STRIDE that do not overlap; all outputs are registers.
// `covered`: in a whole window; `first`, `full`: at its first and last position, where covered.
`default_nettype none

module owl_tiles #(
    parameter SIZE = 9,
    parameter KERNEL = 2,
    parameter STRIDE = 2  // at least KERNEL
) (
    input  wire clk,
    input  wire rst,
    input  wire step,
    output reg  last,
    output reg  covered,
    output reg  first,
    output reg  full
);
  localparam BITS = $clog2(SIZE + 1);
  localparam TILE_BITS = $clog2(STRIDE + 1);
  localparam LAST = SIZE - 1, TURN = STRIDE - 1, FULL = KERNEL - 1;
  localparam END = ((SIZE - KERNEL) / STRIDE) * STRIDE + KERNEL;  // after the last window
  reg [BITS-1:0] position;
  reg [TILE_BITS-1:0] place;  // in the stride
  wire turn = last || (place == TURN[TILE_BITS-1:0]);
  wire [BITS-1:0] follow = last ? {BITS{1'b0}} : position + 1'b1;
  wire [TILE_BITS-1:0] next = turn ? {TILE_BITS{1'b0}} : place + 1'b1;
  always @(posedge clk) begin
    if (step) begin
      position <= follow;
      place <= next;
      last <= follow == LAST[BITS-1:0];
      covered <= (next <= FULL[TILE_BITS-1:0]) && (follow < END[BITS-1:0]);
      first <= turn;
      full <= next == FULL[TILE_BITS-1:0];
    end
    if (rst) begin
      position <= {BITS{1'b0}};
      place <= {TILE_BITS{1'b0}};
      last <= LAST == 0;
      covered <= 1'b1;
      first <= 1'b1;
      full <= FULL == 0;
    end
  end
endmodule

`default_nettype wire
