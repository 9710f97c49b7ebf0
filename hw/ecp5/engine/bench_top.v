// SPDX-License-Identifier: Apache-2.0
// The ECP5's chip, or its routed netlist, with the name and the ports that the test bench of hw/up5k drives.
`default_nettype none

module owlbit_up5k (
    input  wire       clk,
    input  wire       rst_n,
    output wire       flash_cs_n,
    output wire       flash_sck,
    output wire       flash_mosi,
    input  wire       flash_miso,
    input  wire       px_valid,
    output wire       px_ready,
    input  wire [7:0] px_data,
    output wire       score_valid,
    input  wire       score_ready,
    output wire [7:0] score_data,
    output wire       idle,
    output wire       error
);
  owlbit_ecp5 chip (
      .clk(clk),
      .rst_n(rst_n),
      .flash_cs_n(flash_cs_n),
      .usrmclk(flash_sck),
      .flash_mosi(flash_mosi),
      .flash_miso(flash_miso),
      .px_valid(px_valid),
      .px_ready(px_ready),
      .px_data(px_data),
      .score_valid(score_valid),
      .score_ready(score_ready),
      .score_data(score_data),
      .idle(idle),
      .error(error)
  );
endmodule

`default_nettype wire
