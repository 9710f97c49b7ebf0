// SPDX-License-Identifier: Apache-2.0
// Two sites of a carry chain: the cell CCU2C of the ECP5, or the same function where OWL_ECP5_CELLS is not defined.
`default_nettype none

module owl_carry_cell #(
    parameter        FIRST = 0,         // 1: the chain begins here and carry_in is not connected
    parameter [15:0] INIT0 = 16'h0000,  // what each site's LUT gives for {D, C, B, A}
    parameter [15:0] INIT1 = 16'h0000
) (
    input  wire       carry_in,
    input  wire [3:0] in0,
    input  wire [3:0] in1,
    output wire [1:0] sum,
    output wire       carry_out
);
`ifdef OWL_ECP5_CELLS
  generate
    if (FIRST == 1) begin : g_first
      wire unused = &{1'b0, carry_in};
      // A carry in from elsewhere, were it constant, would cost a cell to feed it in.
      // verilator lint_off PINCONNECTEMPTY
      CCU2C #(.INIT0(INIT0), .INIT1(INIT1), .INJECT1_0("NO"), .INJECT1_1("NO")) ccu (
          .A0(in0[0]), .B0(in0[1]), .C0(in0[2]), .D0(in0[3]), .S0(sum[0]),
          .A1(in1[0]), .B1(in1[1]), .C1(in1[2]), .D1(in1[3]), .S1(sum[1]), .CIN(), .COUT(carry_out)
      );
      // verilator lint_on PINCONNECTEMPTY
    end else begin : g_next
      CCU2C #(.INIT0(INIT0), .INIT1(INIT1), .INJECT1_0("NO"), .INJECT1_1("NO")) ccu (
          .A0(in0[0]), .B0(in0[1]), .C0(in0[2]), .D0(in0[3]), .S0(sum[0]),
          .A1(in1[0]), .B1(in1[1]), .C1(in1[2]), .D1(in1[3]), .S1(sum[1]), .CIN(carry_in), .COUT(carry_out)
      );
    end
  endgenerate
`else
  wire carry = FIRST == 1 ? 1'b0 : carry_in;
  wire p0 = INIT0[in0], p1 = INIT1[in1];
  wire between = p0 ? carry : INIT0[{2'b00, in0[1:0]}];
  assign sum = {p1 ^ between, p0 ^ carry};
  assign carry_out = p1 ? between : INIT1[{2'b00, in1[1:0]}];
`endif
endmodule

`default_nettype wire
