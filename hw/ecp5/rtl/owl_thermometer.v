// SPDX-License-Identifier: Apache-2.0
// Pixel bytes to bits: output bit t of a byte of colour c is 1 where it is at least THRESHOLDS[c*LEVELS+t] (0..256; 256 never fires).
// The bytes of a pixel come in the order of the colours; each makes one word.
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
  wire unused = &s_data;  // where no threshold needs it

  generate
    genvar i;
    for (i = 0; i < COLOURS * LEVELS; i = i + 1) begin : compare
      localparam [8:0] THRESHOLD = THRESHOLDS[i*9+:9];
      if (THRESHOLD == 9'd0) begin : always_fires
        assign fired[i] = 1'b1;
      end else begin : fires
        assign fired[i] = {1'b0, s_data} >= THRESHOLD;
      end
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

  always @(posedge clk) begin
    if (step) begin
      m_valid <= s_valid;
      m_data  <= chosen;
    end
    if (rst) m_valid <= 1'b0;
  end
endmodule

`default_nettype wire
