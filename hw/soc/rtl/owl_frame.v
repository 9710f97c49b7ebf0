// SPDX-License-Identifier: Apache-2.0
// Keeps frames in step with their source. Where `in_last` comes before a frame is whole, the rest of the frame becomes 0, and the frame
// counts as broken. Where a frame is whole within a word that ends it, the rest of that word is dropped. A frame that is whole ends
// without them too, so a source that has no such signals leaves them at 0.
`default_nettype none

module owl_frame (
    input  wire        clk,
    input  wire        rst,
    input  wire [15:0] rows,
    input  wire [15:0] columns,
    input  wire [15:0] colours,
    input  wire        in_valid,
    output wire        in_ready,
    input  wire [ 7:0] in_data,
    input  wire        in_ends,    // the source's last word of a frame,
    input  wire        in_last,    //   and its last byte
    output wire        out_valid,
    input  wire        out_ready,
    output wire [ 7:0] out_data,
    output wire        ended,      // a frame's last byte goes out in this cycle,
    output wire        broken      //   and the source gave fewer bytes
);
  reg [15:0] row, column, colour;
  reg filling, dropping;
  wire last_colour = (colour + 16'd1 == colours);
  wire last_column = (column + 16'd1 == columns);
  wire last = last_colour && last_column && (row + 16'd1 == rows);
  wire moves = out_valid && out_ready;
  assign out_valid = (in_valid && !dropping) || filling;
  assign out_data = filling ? 8'd0 : in_data;
  assign in_ready = dropping || (out_ready && !filling);
  assign ended = moves && last;
  assign broken = filling;
  always @(posedge clk) begin
    if (moves) begin
      colour <= last_colour ? 16'd0 : colour + 16'd1;
      if (last_colour) column <= last_column ? 16'd0 : column + 16'd1;
      if (last_colour && last_column) row <= last ? 16'd0 : row + 16'd1;
      filling <= !last && (filling || in_last);
      dropping <= last && !filling && in_ends && !in_last;
    end
    if (dropping && in_valid && in_last) dropping <= 1'b0;
    if (rst) {row, column, colour, filling, dropping} <= 50'd0;
  end
endmodule

`default_nettype wire
