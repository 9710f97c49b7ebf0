// SPDX-License-Identifier: Apache-2.0
// Words that are read in order, again and again: a counter, a ROM and its output register. The words of a block RAM come from FILE,
// those of look-up tables, and a single word, are CONTENT, the first one in its lowest bits.
// `q` is the next word two cycles after `next`.
`default_nettype none

module owl_rom #(
    parameter WIDTH = 36,
    parameter DEPTH = 512,
    parameter BLOCK = 1,
    parameter FILE  = "",
    parameter [((BLOCK != 0 && DEPTH > 1) ? 1 : WIDTH*DEPTH)-1:0] CONTENT = 0
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             next,
    output reg  [WIDTH-1:0] q
);
  localparam BITS = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  wire [BITS-1:0] address;
  wire first, last;
  owl_modulo #(
      .COUNT(DEPTH),
      .BITS (BITS)
  ) counter (
      .clk  (clk),
      .rst  (rst),
      .step (next),
      .count(address),
      .first(first),
      .last (last)
  );
  wire unused = &{first, last};
  reg [WIDTH-1:0] read;
  generate
    if (DEPTH == 1) begin : memory
      always @(posedge clk) read <= CONTENT;
      wire one = address;
    end else if (BLOCK != 0) begin : memory
      (* ram_style = "block" *) reg [WIDTH-1:0] words[0:DEPTH-1];
      initial if (FILE != "") $readmemh(FILE, words);
      always @(posedge clk) read <= words[address];
    end else begin : memory
      wire [WIDTH-1:0] word;
      owl_lut_rom #(
          .WIDTH(WIDTH),
          .DEPTH(DEPTH),
          .BITS(BITS),
          .CONTENT(CONTENT)
      ) rom (
          .address(address),
          .q(word)
      );
      always @(posedge clk) read <= word;
    end
  endgenerate
  always @(posedge clk) q <= read;
endmodule

`default_nettype wire
