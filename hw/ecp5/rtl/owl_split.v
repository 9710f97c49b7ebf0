// SPDX-License-Identifier: Apache-2.0
// Words of RATIO * OUT bits to words of OUT bits, the lowest first.
`default_nettype none

module owl_split #(
    parameter OUT = 4,
    parameter RATIO = 2  // 2 or more
) (
    input  wire                 clk,
    input  wire                 rst,
    input  wire                 s_valid,
    output wire                 s_ready,
    input  wire [RATIO*OUT-1:0] s_data,
    output reg                  m_valid,
    input  wire                 m_ready,
    output wire [      OUT-1:0] m_data
);
  localparam BITS = $clog2(RATIO);
  localparam LAST = RATIO - 1;
  reg [RATIO*OUT-1:0] word;
  reg [BITS-1:0] count;  // of the part that stands at the output
  wire last = count == LAST[BITS-1:0];
  assign m_data  = word[OUT-1:0];
  assign s_ready = !m_valid || (m_ready && last);

  always @(posedge clk) begin
    if (s_ready) begin
      word <= s_data;
      count <= {BITS{1'b0}};
      m_valid <= s_valid;
    end else if (m_ready) begin
      word  <= {{OUT{1'b0}}, word[RATIO*OUT-1:OUT]};
      count <= count + 1'b1;
    end
    if (rst) m_valid <= 1'b0;
  end
endmodule

`default_nettype wire
