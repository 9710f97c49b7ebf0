// SPDX-License-Identifier: Apache-2.0
// NODES sums a + b + (x ^ w) of two BITS-bit numbers and one product, on one carry chain of CCU2C cells.
//
// A CCU2C has two sites. A site's LUT gives P; its sum is P ^ carry, its carry out is the carry in where P is 1, else G, which is the
// LUT's value for C = D = 0. A full adder is a site with P = a ^ b and G = a. Between two sums a site with P = 0 takes the carry out of
// the chain and begins the next one with G = x ^ w. LEAF: a and b are products themselves, P = ax ^ aw ^ bx ^ bw, G = ax ^ aw.
// So a sum of two numbers takes BITS + 1 sites and the products cost none.
`default_nettype none

module owl_adder_chain #(
    parameter NODES = 1,
    parameter BITS  = 1,
    parameter LEAF  = 0   // 1: BITS is 1, a holds {w, x} of one product per node, b of another
) (
    input  wire [NODES*(LEAF+1)*BITS-1:0] a,
    input  wire [NODES*(LEAF+1)*BITS-1:0] b,
    input  wire [              NODES-1:0] x,
    input  wire [              NODES-1:0] w,
    output wire [     NODES*(BITS+1)-1:0] sum
);
  localparam STEP = BITS + 1;
  localparam CELLS = (NODES * STEP + 2) / 2;  // one site more than the sums have takes out the last carry
  localparam [15:0] BEGIN = 16'h0006, END = 16'h0000, ADD = LEAF == 1 ? 16'h6996 : 16'h666A;
  wire [2*CELLS-1:0] s;
  wire [8*CELLS-1:0] in;  // D, C, B, A of each site
  wire [CELLS:0] carry;
  assign carry[0] = 1'b0;
  wire unused = &{1'b0, s[0], s[2*CELLS-1], carry[CELLS]};

  genvar i;
  generate
    for (i = 0; i < CELLS; i = i + 1) begin : g_cell
      owl_carry_cell #(
          .FIRST(i == 0 ? 1 : 0),
          .INIT0(2 * i % STEP != 0 ? ADD : 2 * i / STEP < NODES ? BEGIN : END),
          .INIT1((2 * i + 1) % STEP != 0 ? ADD : (2 * i + 1) / STEP < NODES ? BEGIN : END)
      ) pair (
          .carry_in (carry[i]),
          .in0      (in[8*i+:4]),
          .in1      (in[8*i+4+:4]),
          .sum      (s[2*i+:2]),
          .carry_out(carry[i+1])
      );
    end
    for (i = 0; i < 2 * CELLS; i = i + 1) begin : g_site
      if (i / STEP >= NODES) begin : g_end
        assign in[4*i+:4] = 4'b1111;
      end else if (i % STEP == 0) begin : g_begin
        assign in[4*i+:4] = {2'b11, w[i/STEP], x[i/STEP]};
      end else if (LEAF == 1) begin : g_leaf
        assign in[4*i+:4] = {b[i/STEP*2+:2], a[i/STEP*2+:2]};
      end else begin : g_add
        assign in[4*i+:4] = {2'b11, b[i/STEP*BITS+i%STEP-1], a[i/STEP*BITS+i%STEP-1]};
      end
    end
    for (i = 0; i < NODES; i = i + 1) begin : g_sum
      assign sum[i*STEP+:STEP] = s[i*STEP+1+:STEP];
    end
  endgenerate
endmodule

`default_nettype wire
