// SPDX-License-Identifier: Apache-2.0
// The engine as an AXI4-Stream component: frames in, scores out.
// Boots after reset, from the flash or from a memory with a network in it; until then s_axis_tready is 0.
`default_nettype none

module owlbit_axis #(
    parameter integer DATA_BYTES = 1,  // of s_axis_tdata, 1 to 16
    parameter integer IMAGE_BITS = 0,  // 0: boots from the flash; else from a memory of 2^IMAGE_BITS words of 32 bits,
    parameter IMAGE_FILE = "",         //   with these contents (owlbit.hw.soc.image_memory writes the file)
    parameter [23:0] NETWORK = 24'h020000  // address of the image in the flash
) (
    input  wire                    aclk,
    input  wire                    aresetn,        // synchronous to aclk
    input  wire                    s_axis_tvalid,
    output wire                    s_axis_tready,
    input  wire [8*DATA_BYTES-1:0] s_axis_tdata,   // pixels, order row, column, colour; the lowest byte first
    input  wire [  DATA_BYTES-1:0] s_axis_tkeep,
    input  wire                    s_axis_tlast,   // with a frame's last byte; or always 0
    output wire                    m_axis_tvalid,
    input  wire                    m_axis_tready,
    output wire [            15:0] m_axis_tdata,   // the scores, two's complement, class 0 first
    output wire                    m_axis_tlast,   // the frame's last score
    output wire                    m_axis_tuser,   // s_axis_tlast came too early, so the rest of the frame was taken as 0
    output wire                    flash_cs_n,
    output wire                    flash_sck,
    output wire                    flash_mosi,
    input  wire                    flash_miso,
    output wire                    booted,
    output wire                    idle,           // waiting for the first pixel of a frame
    output wire                    error           // no whole image: nothing runs until reset
);
  reg rst;
  always @(posedge aclk) rst <= !aresetn;

  wire px_valid, px_ready, px_ends, px_last, narrow_ready;
  wire [7:0] px_data;
  assign s_axis_tready = narrow_ready && booted;
  owl_narrow #(
      .BYTES(DATA_BYTES)
  ) narrow (
      .clk(aclk),
      .rst(rst),
      .in_valid(s_axis_tvalid && booted),
      .in_ready(narrow_ready),
      .in_data(s_axis_tdata),
      .in_keep(s_axis_tkeep),
      .in_last(s_axis_tlast),
      .out_valid(px_valid),
      .out_ready(px_ready),
      .out_data(px_data),
      .out_ends(px_ends),
      .out_last(px_last)
  );

  owl_stream #(
      .IMAGE_BITS(IMAGE_BITS),
      .IMAGE_FILE(IMAGE_FILE),
      .NETWORK(NETWORK)
  ) stream (
      .clk(aclk),
      .rst(rst),
      .flash_cs_n(flash_cs_n),
      .flash_sck(flash_sck),
      .flash_mosi(flash_mosi),
      .flash_miso(flash_miso),
      .image_en(1'b0),
      .image_we(4'd0),
      .image_addr(18'd0),
      .image_d(32'd0),
      .px_valid(px_valid),
      .px_ready(px_ready),
      .px_data(px_data),
      .px_ends(px_ends),
      .px_last(px_last),
      .score_valid(m_axis_tvalid),
      .score_ready(m_axis_tready),
      .score_data(m_axis_tdata),
      .score_last(m_axis_tlast),
      .score_broken(m_axis_tuser),
      .booted(booted),
      .idle(idle),
      .error(error),
      /* verilator lint_off PINCONNECTEMPTY */
      .image_q(),
      .rows(),
      .columns(),
      .colours(),
      .classes()
      /* verilator lint_on PINCONNECTEMPTY */
  );
endmodule

`default_nettype wire
