// SPDX-License-Identifier: Apache-2.0
// Pixel bytes to bits: output bit t of a byte of colour c is 1 where it is at least THRESHOLDS[c*LEVELS+t] (0..256; 256 never fires).
// The bytes of a pixel come in the order of the colours; each makes one word.
// Look-up tables of half a byte compare: the upper half alone decides, or is that of the threshold, and then the lower half decides.
`default_nettype none

module owl_thermometer #(
    parameter COLOURS = 3,
    parameter LEVELS = 8,
    parameter [COLOURS*LEVELS*9-1:0] THRESHOLDS = 0
) (
    input  wire              clk,
    input  wire              rst,
    input  wire              s_valid,
    output wire              s_ready,
    input  wire [       7:0] s_data,
    output reg               m_valid,
    input  wire              m_ready,
    output reg  [LEVELS-1:0] m_data
);
  wire step = !m_valid || m_ready;
  assign s_ready = step;
  wire [COLOURS*LEVELS-1:0] fired;
  wire [LEVELS-1:0] chosen;

  generate
    genvar i;
    for (i = 0; i < COLOURS * LEVELS; i = i + 1) begin : compare
      localparam [8:0] THRESHOLD = THRESHOLDS[i*9+:9];
      wire above, equal, lower;
      owl_lut_rom #(
          .WIDTH(2),
          .CONTENT(upper_half(THRESHOLD))
      ) upper (
          .address(s_data[7:4]),
          .q({equal, above})
      );
      owl_lut_rom #(
          .WIDTH(1),
          .CONTENT(lower_half(THRESHOLD))
      ) rest (
          .address(s_data[3:0]),
          .q(lower)
      );
      assign fired[i] = above | (equal & lower);
    end
    if (COLOURS == 1) begin : colours
      assign chosen = fired;
    end else begin : colours
      localparam BITS = $clog2(COLOURS);
      localparam LAST = COLOURS - 1;
      reg [BITS-1:0] colour;
      assign chosen = fired[colour*LEVELS+:LEVELS];
      always @(posedge clk) begin
        if (s_valid && step) colour <= (colour == LAST[BITS-1:0]) ? {BITS{1'b0}} : colour + 1'b1;
        if (rst) colour <= {BITS{1'b0}};
      end
    end
  endgenerate

  // For each upper half whether it alone reaches the threshold, and whether the lower half decides.
  function [31:0] upper_half(input [8:0] threshold);
    integer n;
    for (n = 0; n < 16; n = n + 1) begin
      upper_half[2*n] = 16 * n >= threshold;
      upper_half[2*n+1] = 16 * n < threshold && 16 * n + 15 >= threshold;
    end
  endfunction

  function [15:0] lower_half(input [8:0] threshold);
    integer n;
    for (n = 0; n < 16; n = n + 1) lower_half[n] = n[3:0] >= threshold[3:0];
  endfunction

  always @(posedge clk) begin
    if (step) begin
      m_valid <= s_valid;
      m_data  <= chosen;
    end
    if (rst) m_valid <= 1'b0;
  end
endmodule

`default_nettype wire
