// SPDX-License-Identifier: Apache-2.0
// The clock of the chip and the reset after power-up. OWL_CLOCK_PLL: a PLL behind pin clk_in (OWL_CLOCK_PAD: the pin is the PLL's own);
// OWL_CLOCK_OSCILLATOR: the internal oscillator; neither: clk_in as it comes. With OWL_SIM, clk_in is the clock of the chip.
`default_nettype none

module owl_clock (
    input  wire clk_in,
    output wire clk,
    output wire rst
);
  wire ready;
`ifdef OWL_SIM
  assign clk   = clk_in;
  assign ready = 1'b1;
`elsif OWL_CLOCK_PLL
`ifdef OWL_CLOCK_PAD
  SB_PLL40_PAD #(
`else
  SB_PLL40_CORE #(
`endif
      .FEEDBACK_PATH("SIMPLE"),
      .DIVR(`OWL_PLL_DIVR),
      .DIVF(`OWL_PLL_DIVF),
      .DIVQ(`OWL_PLL_DIVQ),
      .FILTER_RANGE(`OWL_PLL_FILTER)
  ) pll (
`ifdef OWL_CLOCK_PAD
      .PACKAGEPIN(clk_in),
`else
      .REFERENCECLK(clk_in),
`endif
      .PLLOUTGLOBAL(clk),
      .LOCK(ready),
      .RESETB(1'b1),
      .BYPASS(1'b0)
  );
`elsif OWL_CLOCK_OSCILLATOR
  SB_HFOSC #(
      .CLKHF_DIV(`OWL_OSCILLATOR_MHZ == 48 ? "0b00" : `OWL_OSCILLATOR_MHZ == 24 ? "0b01" : `OWL_OSCILLATOR_MHZ == 12 ? "0b10" : "0b11")
  ) oscillator (
      .CLKHFPU(1'b1),
      .CLKHFEN(1'b1),
      .CLKHF(clk)
  );
  assign ready = 1'b1;
  /* verilator lint_off UNUSEDSIGNAL */
  wire unused = clk_in;
  /* verilator lint_on UNUSEDSIGNAL */
`else
  assign clk   = clk_in;
  assign ready = 1'b1;
`endif

  // Block RAM gives its initial contents only some microseconds after configuration.
  reg [8:0] count;
  reg [1:0] ready_sync;
  initial {count, ready_sync} = 11'd0;
  assign rst = !count[8];
  always @(posedge clk) begin
    ready_sync <= {ready_sync[0], ready};
    if (!ready_sync[1]) count <= 9'd0;
    else if (rst) count <= count + 9'd1;
  end
endmodule

`default_nettype wire
