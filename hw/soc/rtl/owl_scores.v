// SPDX-License-Identifier: Apache-2.0
// Joins the engine's bytes to scores of 16 bits, says which one is a frame's last, and whether that frame was broken.
// Frames leave the engine in the order in which they came in. Up to four wait here for their scores; `full` stops the pixels before more
// do.
`default_nettype none

module owl_scores (
    input  wire        clk,
    input  wire        rst,
    input  wire [15:0] classes,
    input  wire        ended,      // a frame's last byte went in,
    input  wire        broken,     //   and it is broken
    output wire        full,
    input  wire        in_valid,
    output wire        in_ready,
    input  wire [ 7:0] in_data,
    output reg         out_valid,
    input  wire        out_ready,
    output reg  [15:0] out_data,   // two's complement
    output reg         out_last,
    output reg         out_broken
);
  reg [2:0] waiting;
  reg [3:0] marks;  // of the waiting frames, the oldest in bit 0
  reg [15:0] index;
  reg high;
  wire last = (index + 16'd1 == classes);
  assign full = waiting[2];
  assign in_ready = !out_valid || out_ready;
  wire moves = in_valid && in_ready;
  wire leaves = moves && high && last;
  wire [3:0] rest = leaves ? {1'b0, marks[3:1]} : marks;
  wire [2:0] after = waiting - {2'd0, leaves};
  always @(posedge clk) begin
    if (out_ready) out_valid <= 1'b0;
    if (moves) begin
      high <= !high;
      if (high) begin
        out_data[15:8] <= in_data;
        out_valid <= 1'b1;
        out_last <= last;
        out_broken <= marks[0];
        index <= last ? 16'd0 : index + 16'd1;
      end else out_data[7:0] <= in_data;
    end
    marks <= ended ? rest | ({3'd0, broken} << after[1:0]) : rest;
    waiting <= after + {2'd0, ended};
    if (rst) begin
      {waiting, marks, index, high} <= 24'd0;
      out_valid <= 1'b0;
    end
  end
endmodule

`default_nettype wire
