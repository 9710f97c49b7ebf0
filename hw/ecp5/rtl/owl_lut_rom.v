// SPDX-License-Identifier: Apache-2.0
// A ROM of look-up tables, not registered. With OWL_ECP5_CELLS each bit of 16 words is a LUT4 that synthesis neither shrinks nor merges, so
// that other contents give the same circuit and `owlbit build --weights-only` can exchange them. CONTENT: word 0 in the lowest bits.
`default_nettype none

module owl_lut_rom #(
    parameter WIDTH = 8,
    parameter DEPTH = 16,
    parameter BITS = 4,  // of the address
    parameter [WIDTH*DEPTH-1:0] CONTENT = {WIDTH * DEPTH{1'b0}}
) (
    input  wire [ BITS-1:0] address,
    output wire [WIDTH-1:0] q
);
`ifdef OWL_ECP5_CELLS
  localparam GROUPS = (DEPTH + 15) / 16;  // of words that one LUT4 holds
  localparam PAIRS = (GROUPS + 1) / 2, QUADS = (GROUPS + 3) / 4;
  wire [5:0] low = address;
  genvar i, g;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : column
      wire [2*PAIRS-1:0] sixteen;
      wire [2*QUADS-1:0] pair;
      wire [QUADS-1:0] quad;
      for (g = 0; g < 2 * PAIRS; g = g + 1) begin : word
        if (g < GROUPS)
          (* keep *) LUT4 #(
              .INIT(bits_of(i, g))
          ) rom (
              .A(low[0]),
              .B(low[1]),
              .C(low[2]),
              .D(low[3]),
              .Z(sixteen[g])
          );
        else assign sixteen[g] = sixteen[g-1];
      end
      for (g = 0; g < 2 * QUADS; g = g + 1) begin : two
        if (g >= PAIRS) assign pair[g] = pair[g-1];
        else if (2 * g + 1 >= GROUPS) assign pair[g] = sixteen[2*g];
        else
          PFUMX mux (
              .ALUT(sixteen[2*g+1]),
              .BLUT(sixteen[2*g]),
              .C0(low[4]),
              .Z(pair[g])
          );
      end
      for (g = 0; g < QUADS; g = g + 1) begin : four
        if (4 * g + 2 >= GROUPS) assign quad[g] = pair[2*g];
        else if (4 * g + 3 >= GROUPS) assign quad[g] = low[5] ? pair[2*g+1] : pair[2*g];  // L6MUX21 takes two PFUMX only
        else
          L6MUX21 mux (
              .D0(pair[2*g]),
              .D1(pair[2*g+1]),
              .SD(low[5]),
              .Z(quad[g])
          );
      end
      if (QUADS == 1) assign q[i] = quad[0];
      else assign q[i] = quad[address[BITS-1:6]];
    end
  endgenerate

  // Words 16 g .. 16 g + 15 of a column, again and again where there are fewer: then the upper inputs do not matter.
  function [15:0] bits_of(input integer bit_index, input integer group);
    integer n, word;
    for (n = 0; n < 16; n = n + 1) begin
      word = 16 * group + ((BITS < 4) ? n % (1 << BITS) : n);
      bits_of[n] = (word < DEPTH) ? CONTENT[word*WIDTH+bit_index] : 1'b0;
    end
  endfunction
`else
  assign q = CONTENT[address*WIDTH+:WIDTH];
`endif
endmodule

`default_nettype wire
