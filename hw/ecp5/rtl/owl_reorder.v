// SPDX-License-Identifier: Apache-2.0
// Another order of the CHANNELS bits of each pixel, and another width of words: output bit i of a pixel is its input bit ORDER[i].
// A pixel is gathered in a shift register, moved through wires into a second one, and shifted out of that.
`default_nettype none

module owl_reorder #(
    parameter CHANNELS = 16,
    parameter IN = 4,   // divides CHANNELS
    parameter OUT = 8,  // divides CHANNELS
    parameter INDEX_BITS = 4,  // of an entry of ORDER
    parameter [CHANNELS*INDEX_BITS-1:0] ORDER = 0
) (
    input  wire           clk,
    input  wire           rst,
    input  wire           s_valid,
    output wire           s_ready,
    input  wire [ IN-1:0] s_data,
    output wire           m_valid,
    input  wire           m_ready,
    output wire [OUT-1:0] m_data
);
  wire gathered, taken;
  wire [CHANNELS-1:0] pixel, ordered;
  generate
    if (IN == CHANNELS) begin : in
      assign {gathered, s_ready, pixel} = {s_valid, taken, s_data};
    end else begin : in
      owl_gather #(
          .IN(IN),
          .RATIO(CHANNELS / IN)
      ) gather (
          .clk(clk),
          .rst(rst),
          .s_valid(s_valid),
          .s_ready(s_ready),
          .s_data(s_data),
          .m_valid(gathered),
          .m_ready(taken),
          .m_data(pixel)
      );
    end
    genvar i;
    for (i = 0; i < CHANNELS; i = i + 1) begin : wires
      assign ordered[i] = pixel[ORDER[i*INDEX_BITS+:INDEX_BITS]];
    end
    if (OUT == CHANNELS) begin : out
      assign {m_valid, taken, m_data} = {gathered, m_ready, ordered};
    end else begin : out
      owl_split #(
          .OUT(OUT),
          .RATIO(CHANNELS / OUT)
      ) split (
          .clk(clk),
          .rst(rst),
          .s_valid(gathered),
          .s_ready(taken),
          .s_data(ordered),
          .m_valid(m_valid),
          .m_ready(m_ready),
          .m_data(m_data)
      );
    end
  endgenerate
endmodule

`default_nettype wire
