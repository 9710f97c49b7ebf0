// SPDX-License-Identifier: Apache-2.0
// The chip: the UP5K's engine behind a power-on reset on an ECP5. External clock; every signal but rst_n is synchronous to it.
// The network lies in the flash of the configuration, from OWL_NETWORK on. The clock pin of that flash is reached through USRMCLK,
// which may swallow its first clocks after configuration. They belong to the engine's first command, which wakes a flash that is
// awake here.
`default_nettype none

module owlbit_ecp5 (
    input  wire       clk,
    input  wire       rst_n,
    output wire       flash_cs_n,
`ifndef OWL_ECP5_CELLS
    output wire       usrmclk,      // the clock of the flash
`endif
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
`ifdef OWL_ECP5_CELLS
  wire usrmclk;
  USRMCLK flash_clock (
      .USRMCLKI (usrmclk),
      .USRMCLKTS(1'b0)
  );
`endif

  reg [1:0] rst_sync;
  reg [3:0] hold;
  initial {rst_sync, hold} = 6'd0;
  wire rst = !hold[3];
  always @(posedge clk) begin
    rst_sync <= {rst_sync[0], rst_n};
    if (!rst_sync[1]) hold <= 4'd0;
    else if (rst) hold <= hold + 4'd1;
  end

  owl_engine #(
      .NETWORK(`OWL_NETWORK)
  ) engine (
      .clk(clk),
      .rst(rst),
      .flash_cs_n(flash_cs_n),
      .flash_sck(usrmclk),
      .flash_mosi(flash_mosi),
      .flash_miso(flash_miso),
      .px_valid(px_valid),
      .px_ready(px_ready),
      .px_data(px_data),
      .score_valid(score_valid),
      .score_ready(score_ready),
      .score_data(score_data),
      .idle(idle),
      /* verilator lint_off PINCONNECTEMPTY */
      .free(),
      /* verilator lint_on PINCONNECTEMPTY */
      .error(error)
  );
endmodule

`default_nettype wire
