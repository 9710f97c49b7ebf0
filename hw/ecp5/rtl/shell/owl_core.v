// SPDX-License-Identifier: Apache-2.0
// The dataflow circuit behind the control processor's ports: pixels and scores cross to its clock and back, a reset reaches it and is
// waited for, and frames at work are counted. All but core_clk is of clk.
`default_nettype none

module owl_core #(
    parameter [23:0] PIXELS = 24'd1,       // bytes of a frame
    parameter [9:0] SCORE_BYTES = 10'd2    // of a frame
) (
    input  wire       clk,
    input  wire       rst,
    input  wire       core_clk,
    input  wire       px_valid,
    output wire       px_ready,
    input  wire [7:0] px_data,
    output wire       score_valid,
    input  wire       score_ready,
    output wire [7:0] score_data,
    output wire       idle          // no frame at work, and no part of one
);
  // The circuit is in reset until that has come back here, so also where its clock is slow or only just begins.
  reg hold;
  reg [1:0] core_rst, back;
  initial {hold, core_rst, back} = 5'b11111;
  wire resetting = hold || back[1];
  always @(posedge clk) begin
    back <= {back[0], core_rst[1]};
    if (back[1]) hold <= 1'b0;
    if (rst) hold <= 1'b1;
  end
  always @(posedge core_clk) core_rst <= {core_rst[0], hold};

  wire s_valid, s_ready, m_valid, m_ready, pixel_free;
  wire [7:0] s_data, m_data;
  assign px_ready = pixel_free && !resetting;
  owl_crossing pixels (
      .from_clk(clk),
      .from_rst(resetting),
      .from_valid(px_valid && px_ready),
      .from_ready(pixel_free),
      .from_data(px_data),
      .to_clk(core_clk),
      .to_rst(core_rst[1]),
      .to_valid(s_valid),
      .to_ready(s_ready),
      .to_data(s_data)
  );
  owl_dataflow dataflow (
      .clk(core_clk),
      .rst(core_rst[1]),
      .s_valid(s_valid),
      .s_ready(s_ready),
      .s_data(s_data),
      .m_valid(m_valid),
      .m_ready(m_ready),
      .m_data(m_data)
  );
  owl_crossing scores (
      .from_clk(core_clk),
      .from_rst(core_rst[1]),
      .from_valid(m_valid),
      .from_ready(m_ready),
      .from_data(m_data),
      .to_clk(clk),
      .to_rst(resetting),
      .to_valid(score_valid),
      .to_ready(score_ready),
      .to_data(score_data)
  );

  reg [23:0] pixels_left;  // of a frame, less one
  reg [9:0] bytes_left;
  reg [7:0] frames;
  wire pixel = px_valid && px_ready;
  wire score = score_valid && score_ready;
  wire begins = pixel && pixels_left == PIXELS - 24'd1;
  wire ends = score && bytes_left == 10'd0;
  assign idle = !resetting && frames == 8'd0;
  always @(posedge clk) begin
    if (pixel) pixels_left <= (pixels_left == 24'd0) ? PIXELS - 24'd1 : pixels_left - 24'd1;
    if (score) bytes_left <= ends ? SCORE_BYTES - 10'd1 : bytes_left - 10'd1;
    if (begins && !ends) frames <= frames + 8'd1;
    if (ends && !begins) frames <= frames - 8'd1;
    if (resetting) begin
      pixels_left <= PIXELS - 24'd1;
      bytes_left <= SCORE_BYTES - 10'd1;
      frames <= 8'd0;
    end
  end
endmodule

`default_nettype wire
