// SPDX-License-Identifier: Apache-2.0
// Two sums of 16 bits that begin at a value of their own: one multiplier block (SB_MAC16), of which only registers and adders serve.
// What stands at `top` and `bottom` is added a cycle later, if `move` is 1 then; with `restart` too, the sums begin anew.
`default_nettype none

module owl_accumulator (
    input  wire        clk,
    input  wire        set_top,     // `start` is kept, from where the sum begins
    input  wire        set_bottom,
    input  wire [15:0] start,
    input  wire        move,
    input  wire        restart,
    input  wire [15:0] top,
    input  wire [15:0] bottom,
    output wire [15:0] top_sum,
    output wire [15:0] bottom_sum
);
`ifdef OWL_CELLS
  /* verilator lint_off PINMISSING */
  SB_MAC16 #(
      .A_REG(1'b1),
      .B_REG(1'b1),
      .C_REG(1'b1),
      .D_REG(1'b1),
      .TOPOUTPUT_SELECT(2'b01),  // the sum's register
      .BOTOUTPUT_SELECT(2'b01),
      .TOPADDSUB_LOWERINPUT(2'b00),  // sum + A, sum + B
      .BOTADDSUB_LOWERINPUT(2'b00),
      .TOPADDSUB_UPPERINPUT(1'b0),
      .BOTADDSUB_UPPERINPUT(1'b0),
      .TOPADDSUB_CARRYSELECT(2'b00),
      .BOTADDSUB_CARRYSELECT(2'b00),
      .MODE_8x8(1'b1)
  ) block (
      .CLK(clk),
      .CE(1'b1),
      .A(top),
      .B(bottom),
      .C(start),
      .D(start),
      .AHOLD(1'b0),
      .BHOLD(1'b0),
      .CHOLD(!set_top),
      .DHOLD(!set_bottom),
      .IRSTTOP(1'b0),
      .IRSTBOT(1'b0),
      .ORSTTOP(1'b0),
      .ORSTBOT(1'b0),
      .OLOADTOP(restart),
      .OLOADBOT(restart),
      .ADDSUBTOP(1'b0),
      .ADDSUBBOT(1'b0),
      .OHOLDTOP(!move),
      .OHOLDBOT(!move),
      .CI(1'b0),
      .ACCUMCI(1'b0),
      .SIGNEXTIN(1'b0),
      .O({top_sum, bottom_sum})
  );
  /* verilator lint_on PINMISSING */
`else
  reg [15:0] a, b, c, d, top_r, bottom_r;
  assign {top_sum, bottom_sum} = {top_r, bottom_r};
  always @(posedge clk) begin
    {a, b} <= {top, bottom};
    if (set_top) c <= start;
    if (set_bottom) d <= start;
    if (move) {top_r, bottom_r} <= restart ? {c, d} : {top_r + a, bottom_r + b};
  end
`endif
endmodule

`default_nettype wire
