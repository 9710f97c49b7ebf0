// SPDX-License-Identifier: Apache-2.0
// From words of BYTES bytes to bytes, the lowest one first. Bytes that `in_keep` leaves out are skipped. A word without any byte is dropped. A byte per cycle, without a gap between words.
`default_nettype none

module owl_narrow #(
    parameter integer BYTES = 4  // 1 to 16
) (
    input  wire               clk,
    input  wire               rst,
    input  wire               in_valid,
    output wire               in_ready,
    input  wire [8*BYTES-1:0] in_data,
    input  wire [  BYTES-1:0] in_keep,
    input  wire               in_last,
    output wire               out_valid,
    input  wire               out_ready,
    output reg  [        7:0] out_data,
    output wire               out_ends,   // its word has `in_last`,
    output wire               out_last    //   and this is the word's last byte
);
  reg [8*BYTES-1:0] data;
  reg [  BYTES-1:0] left;  // bytes that are still to go
  reg               last;
  wire [ BYTES-1:0] rest = left & (left - {{(BYTES - 1) {1'b0}}, 1'b1});  // without the lowest
  assign out_valid = (left != {BYTES{1'b0}});
  assign out_ends  = last;
  assign out_last  = last && (rest == {BYTES{1'b0}});
  assign in_ready  = !out_valid || (out_ready && rest == {BYTES{1'b0}});
  integer i;
  always @* begin
    out_data = 8'd0;
    for (i = BYTES - 1; i >= 0; i = i - 1) if (left[i]) out_data = data[8*i+:8];
  end
  always @(posedge clk) begin
    if (out_valid && out_ready) left <= rest;
    if (in_valid && in_ready) begin
      data <= in_data;
      left <= in_keep;
      last <= in_last;
    end
    if (rst) left <= {BYTES{1'b0}};
  end
endmodule

`default_nettype wire
