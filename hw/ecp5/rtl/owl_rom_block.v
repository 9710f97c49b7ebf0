// SPDX-License-Identifier: Apache-2.0
// One block RAM as ROM: `q` is the word at `address` a cycle later.
`default_nettype none

module owl_rom_block #(
    parameter WIDTH = 36,
    parameter DEPTH = 512,  // 2 or more
    parameter BITS  = 9,  // of the address
    parameter FILE  = ""
) (
    input  wire             clk,
    input  wire [ BITS-1:0] address,
    output reg  [WIDTH-1:0] q
);
  (* ram_style = "block" *) reg [WIDTH-1:0] words[0:DEPTH-1];
  initial if (FILE != "") $readmemh(FILE, words);
  always @(posedge clk) q <= words[address];
endmodule

`default_nettype wire
