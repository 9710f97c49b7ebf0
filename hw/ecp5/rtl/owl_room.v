// SPDX-License-Identifier: Apache-2.0
// Counts the places of a FIFO behind a pipeline that cannot stop: `room` is 1 where a further result may be begun.
// It may lag by two cycles, for which places are kept.
`default_nettype none

module owl_room #(
    parameter DEPTH = 16  // 4 or more
) (
    input  wire clk,
    input  wire rst,
    input  wire begun,  // one more is under way
    input  wire taken,  // one has left the FIFO
    output reg  room
);
  localparam BITS = $clog2(DEPTH + 1);
  localparam [BITS-1:0] ALL = DEPTH, KEPT = 2;
  reg [BITS-1:0] left;
  reg begun_r, taken_r;
  always @(posedge clk) begin
    {begun_r, taken_r} <= {begun, taken};
    if (begun_r && !taken_r) left <= left - 1'b1;
    if (taken_r && !begun_r) left <= left + 1'b1;
    room <= left > KEPT;
    if (rst) begin
      left <= ALL;
      {room, begun_r, taken_r} <= 3'b000;
    end
  end
endmodule

`default_nettype wire
