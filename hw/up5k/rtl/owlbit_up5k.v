// SPDX-License-Identifier: Apache-2.0
// The chip: the engine behind a power-on reset. External 24 MHz clock; every signal but rst_n is synchronous to it.
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
  reg [1:0] rst_sync;
  reg [3:0] hold;
  initial {rst_sync, hold} = 6'd0;
  wire rst = !hold[3];
  always @(posedge clk) begin
    rst_sync <= {rst_sync[0], rst_n};
    if (!rst_sync[1]) hold <= 4'd0;
    else if (rst) hold <= hold + 4'd1;
  end

  owl_engine engine (
      .clk(clk),
      .rst(rst),
      .flash_cs_n(flash_cs_n),
      .flash_sck(flash_sck),
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
