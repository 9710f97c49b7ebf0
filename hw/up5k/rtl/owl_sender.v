// SPDX-License-Identifier: Apache-2.0
// Sends the scores of a pass, 2 * popcount - K, as 16-bit two's complement, low byte first, one byte a valid/ready handshake.
`default_nettype none

module owl_sender (
    input  wire        clk,
    input  wire        rst,
    input  wire        start,       // `sums` hold still from here until not busy
    input  wire [ 1:0] scores1,     // scores to send, less one
    input  wire        odd,         // K is odd
    input  wire [59:0] sums,        // four popcounts, less half of K rounded up
    output reg         score_valid,
    input  wire        score_ready,
    output reg  [ 7:0] score_data,
    output wire        busy
);
  reg active, high;
  reg [1:0] index;
  assign busy = active | score_valid;
  wire [15:0] score = {sums[15*index+:15], odd};

  always @(posedge clk) begin
    if (score_valid && score_ready) score_valid <= 1'b0;
    if (active && !score_valid) begin
      score_valid <= 1'b1;
      score_data <= high ? score[15:8] : score[7:0];
      high <= !high;
      if (high) begin
        index <= index + 2'd1;
        if (index == scores1) active <= 1'b0;
      end
    end
    if (start) {active, high, index} <= 4'b1000;
    if (rst) {active, score_valid} <= 2'b00;
  end
endmodule

`default_nettype wire
