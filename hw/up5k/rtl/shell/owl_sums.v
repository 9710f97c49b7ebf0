// SPDX-License-Identifier: Apache-2.0
// 256 words of 16 bits, one block RAM: the sums of the squares that are not yet complete. A read gives the word of the cycle before,
// and nothing of use while that word is written.
`default_nettype none

module owl_sums (
    input  wire        clk,
    input  wire        write,
    input  wire [ 7:0] write_address,
    input  wire [15:0] d,
    input  wire [ 7:0] read_address,
    output reg  [15:0] q
);
  (* ram_style = "block", no_rw_check *) reg [15:0] words[0:255];
  always @(posedge clk) begin
    if (write) words[write_address] <= d;
    q <= words[read_address];
  end
endmodule

`default_nettype wire
