// SPDX-License-Identifier: Apache-2.0
// Joins the words of two maps of one shape: GATE 0 is OR, 1 XOR, 2 takes `s_data` where SELECT is 1 and `e_data` where it is 0.
// A pixel comes in WORDS words; SELECT has a bit for each of its bits.
`default_nettype none

module owl_join #(
    parameter BITS = 8,
    parameter WORDS = 2,
    parameter GATE = 0,
    parameter [WORDS*BITS-1:0] SELECT = 0
) (
    input  wire            clk,
    input  wire            rst,
    input  wire            s_valid,
    output wire            s_ready,
    input  wire [BITS-1:0] s_data,
    input  wire            e_valid,  // the earlier map
    output wire            e_ready,
    input  wire [BITS-1:0] e_data,
    output reg             m_valid,
    input  wire            m_ready,
    output reg  [BITS-1:0] m_data
);
  wire free = !m_valid || m_ready;
  wire both = s_valid && e_valid;
  assign s_ready = free && e_valid;
  assign e_ready = free && s_valid;
  wire [BITS-1:0] joined;
  generate
    if (GATE == 2) begin : gate
      localparam WORD_BITS = (WORDS > 1) ? $clog2(WORDS) : 1;
      wire [WORD_BITS-1:0] word;
      wire first, last;
      owl_modulo #(
          .COUNT(WORDS),
          .BITS (WORD_BITS)
      ) words (
          .clk  (clk),
          .rst  (rst),
          .step (both && free),
          .count(word),
          .first(first),
          .last (last)
      );
      wire unused = &{first, last};
      wire [BITS-1:0] select = SELECT[word*BITS+:BITS];
      assign joined = (s_data & select) | (e_data & ~select);
    end else begin : gate
      assign joined = (GATE == 1) ? s_data ^ e_data : s_data | e_data;
    end
  endgenerate
  always @(posedge clk) begin
    if (free) begin
      m_valid <= both;
      m_data  <= joined;
    end
    if (rst) m_valid <= 1'b0;
  end
endmodule

`default_nettype wire
