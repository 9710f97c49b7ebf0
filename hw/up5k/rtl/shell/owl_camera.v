// SPDX-License-Identifier: Apache-2.0
// From a camera's pins to pixels. PCLK has no relation to clk: every pin goes through two flip-flops, and data are taken at the
// first sample after a rising PCLK, so each half of PCLK must last longer than a clock.
// NIBBLES = 1: 4 bits, the low nibble of a pixel first. 0: 8 bits, the first byte of each pair is the luma, the second is left out.
`default_nettype none

module owl_camera #(
    parameter NIBBLES = 1
) (
    input  wire       clk,
    input  wire       rst,
    input  wire       pclk,
    input  wire       vsync,
    input  wire       href,
    input  wire [(NIBBLES != 0 ? 3 : 7):0] d,
    output reg        frame_start,  // VSYNC rose
    output reg        line_start,
    output reg        line_end,
    output reg        pixel_valid,
    output reg  [7:0] pixel
);
  localparam BITS = NIBBLES != 0 ? 4 : 8;
  reg [2:0] pclk_sync, vsync_sync;
  reg [3:0] href_sync;
  reg [BITS-1:0] d_first, d_second;
  reg second;  // half of a pair
  wire rise = pclk_sync[1] && !pclk_sync[2] && href_sync[1];

  always @(posedge clk) begin
    pclk_sync <= {pclk_sync[1:0], pclk};
    vsync_sync <= {vsync_sync[1:0], vsync};
    href_sync <= {href_sync[2:0], href};
    {d_second, d_first} <= {d_first, d};
    frame_start <= vsync_sync[1] && !vsync_sync[2];
    line_start <= href_sync[1] && !href_sync[2];
    line_end <= !href_sync[2] && href_sync[3];  // later, so that the last pixel has been counted
    pixel_valid <= rise && (second == (NIBBLES != 0));
    if (rise) begin
      second <= !second;
      if (NIBBLES != 0) pixel <= {d_second[3:0], pixel[7:4]};
      else if (!second) pixel <= {d_second[BITS-1:BITS-4], d_second[3:0]};
    end
    if (!href_sync[1]) second <= 1'b0;
    if (rst) {vsync_sync, href_sync} <= 7'b1110000;
  end
endmodule

`default_nettype wire
