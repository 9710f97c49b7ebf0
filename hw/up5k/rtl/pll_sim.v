// SPDX-License-Identifier: Apache-2.0
// For simulation only: the PLL cells of the iCE40 as a wire and a lock that comes late. The clock that a simulation gives to the pin is
// the one that the PLL would make of it; the settings are compared with the board's elsewhere.
`default_nettype none

module owl_pll_model (
    input  wire reference,
    input  wire reset_n,
    output wire out,
    output wire lock
);
  assign out = reference;
  reg [5:0] count = 6'd0;
  assign lock = count[5];
  always @(posedge reference)
    if (!reset_n) count <= 6'd0;
    else if (!lock) count <= count + 6'd1;
endmodule

/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off UNUSEDPARAM */
/* verilator lint_off DECLFILENAME */
module SB_PLL40_PAD #(
    parameter FEEDBACK_PATH = "SIMPLE",
    parameter DELAY_ADJUSTMENT_MODE_FEEDBACK = "FIXED",
    parameter DELAY_ADJUSTMENT_MODE_RELATIVE = "FIXED",
    parameter PLLOUT_SELECT = "GENCLK",
    parameter SHIFTREG_DIV_MODE = 0,
    parameter FDA_FEEDBACK = 0,
    parameter FDA_RELATIVE = 0,
    parameter DIVR = 0,
    parameter DIVF = 0,
    parameter DIVQ = 0,
    parameter FILTER_RANGE = 0,
    parameter ENABLE_ICEGATE = 0,
    parameter TEST_MODE = 0
) (
    input  wire PACKAGEPIN,
    output wire PLLOUTCORE,
    output wire PLLOUTGLOBAL,
    input  wire EXTFEEDBACK,
    input  wire [7:0] DYNAMICDELAY,
    output wire LOCK,
    input  wire BYPASS,
    input  wire RESETB,
    input  wire LATCHINPUTVALUE,
    output wire SDO,
    input  wire SDI,
    input  wire SCLK
);
  owl_pll_model pll (
      .reference(PACKAGEPIN),
      .reset_n(RESETB),
      .out(PLLOUTCORE),
      .lock(LOCK)
  );
  assign PLLOUTGLOBAL = PACKAGEPIN;
  assign SDO = 1'b0;
endmodule

module SB_PLL40_CORE #(
    parameter FEEDBACK_PATH = "SIMPLE",
    parameter DELAY_ADJUSTMENT_MODE_FEEDBACK = "FIXED",
    parameter DELAY_ADJUSTMENT_MODE_RELATIVE = "FIXED",
    parameter PLLOUT_SELECT = "GENCLK",
    parameter SHIFTREG_DIV_MODE = 0,
    parameter FDA_FEEDBACK = 0,
    parameter FDA_RELATIVE = 0,
    parameter DIVR = 0,
    parameter DIVF = 0,
    parameter DIVQ = 0,
    parameter FILTER_RANGE = 0,
    parameter ENABLE_ICEGATE = 0,
    parameter TEST_MODE = 0
) (
    input  wire REFERENCECLK,
    output wire PLLOUTCORE,
    output wire PLLOUTGLOBAL,
    input  wire EXTFEEDBACK,
    input  wire [7:0] DYNAMICDELAY,
    output wire LOCK,
    input  wire BYPASS,
    input  wire RESETB,
    input  wire LATCHINPUTVALUE,
    output wire SDO,
    input  wire SDI,
    input  wire SCLK
);
  owl_pll_model pll (
      .reference(REFERENCECLK),
      .reset_n(RESETB),
      .out(PLLOUTCORE),
      .lock(LOCK)
  );
  assign PLLOUTGLOBAL = REFERENCECLK;
  assign SDO = 1'b0;
endmodule
/* verilator lint_on DECLFILENAME */
/* verilator lint_on UNUSEDPARAM */
/* verilator lint_on UNUSEDSIGNAL */

`default_nettype wire
