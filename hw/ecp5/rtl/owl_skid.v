// SPDX-License-Identifier: Apache-2.0
// A place for the word that comes while the next stage stops, so that `s_ready` is a register: it cuts long paths of readiness.
`default_nettype none

module owl_skid #(
    parameter WIDTH = 8
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             s_valid,
    output wire             s_ready,
    input  wire [WIDTH-1:0] s_data,
    output wire             m_valid,
    input  wire             m_ready,
    output wire [WIDTH-1:0] m_data
);
  reg kept;
  reg [WIDTH-1:0] word;
  assign s_ready = !kept;
  assign m_valid = kept || s_valid;
  assign m_data  = kept ? word : s_data;
  always @(posedge clk) begin
    if (!kept) word <= s_data;
    kept <= !rst && m_valid && !m_ready;
  end
endmodule

`default_nettype wire
