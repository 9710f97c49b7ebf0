// SPDX-License-Identifier: Apache-2.0
// Words of IN bits to words of RATIO * IN bits, the first one lowest: a shift register without logic.
`default_nettype none

module owl_gather #(
    parameter IN = 4,
    parameter RATIO = 2  // 2 or more
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                s_valid,
    output wire                s_ready,
    input  wire [      IN-1:0] s_data,
    output reg                 m_valid,
    input  wire                m_ready,
    output reg  [RATIO*IN-1:0] m_data
);
  localparam BITS = $clog2(RATIO);
  localparam LAST = RATIO - 1;
  reg [BITS-1:0] count;
  wire push = s_valid && s_ready;
  wire last = count == LAST[BITS-1:0];
  assign s_ready = !m_valid || m_ready;

  always @(posedge clk) begin
    if (m_ready) m_valid <= 1'b0;
    if (push) begin
      m_data  <= {s_data, m_data[RATIO*IN-1:IN]};
      count   <= last ? {BITS{1'b0}} : count + 1'b1;
      m_valid <= last;
    end
    if (rst) begin
      count   <= {BITS{1'b0}};
      m_valid <= 1'b0;
    end
  end
endmodule

`default_nettype wire
