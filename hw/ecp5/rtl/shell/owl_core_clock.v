// SPDX-License-Identifier: Apache-2.0
// The circuit's clock from the board's oscillator, by a PLL whose settings are macros (hw/ecp5/boards/pll.py): CLKOP closes the loop,
// CLKOS is the clock. With OWL_SIM the clock comes from the bench, on pin core_clk.
`default_nettype none

module owl_core_clock (
    input  wire clk_in,
    input  wire sim_clk,
    output wire clk,
    output wire locked
);
`ifdef OWL_SIM
  assign clk = sim_clk;
  assign locked = 1'b1;
  /* verilator lint_off UNUSEDSIGNAL */
  wire unused = clk_in;
  /* verilator lint_on UNUSEDSIGNAL */
`else
  wire loop;
  (* ICP_CURRENT = "12", LPF_RESISTOR = "8", MFG_ENABLE_FILTEROPAMP = "1", MFG_GMCREF_SEL = "2" *)
  EHXPLLL #(
      .PLLRST_ENA("DISABLED"),
      .INTFB_WAKE("DISABLED"),
      .STDBY_ENABLE("DISABLED"),
      .DPHASE_SOURCE("DISABLED"),
      .FEEDBK_PATH("CLKOP"),
      .CLKI_DIV(`OWL_PLL_REFERENCE),
      .CLKFB_DIV(`OWL_PLL_FEEDBACK),
      .OUTDIVIDER_MUXA("DIVA"),
      .CLKOP_ENABLE("ENABLED"),
      .CLKOP_DIV(`OWL_PLL_LOOP),
      .CLKOP_CPHASE(`OWL_PLL_LOOP - 1),
      .CLKOP_FPHASE(0),
      .OUTDIVIDER_MUXB("DIVB"),
      .CLKOS_ENABLE("ENABLED"),
      .CLKOS_DIV(`OWL_PLL_OUTPUT),
      .CLKOS_CPHASE(`OWL_PLL_OUTPUT - 1),
      .CLKOS_FPHASE(0)
  ) pll (
      .CLKI(clk_in),
      .CLKFB(loop),
      .CLKOP(loop),
      .CLKOS(clk),
      .LOCK(locked),
      .RST(1'b0),
      .STDBY(1'b0),
      .PHASESEL0(1'b0),
      .PHASESEL1(1'b0),
      .PHASEDIR(1'b0),
      .PHASESTEP(1'b0),
      .PHASELOADREG(1'b0),
      .PLLWAKESYNC(1'b0),
      .ENCLKOP(1'b0),
      .ENCLKOS(1'b0)
  );
  /* verilator lint_off UNUSEDSIGNAL */
  wire unused = sim_clk;
  /* verilator lint_on UNUSEDSIGNAL */
`endif
endmodule

`default_nettype wire
