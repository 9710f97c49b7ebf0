// SPDX-License-Identifier: Apache-2.0
// One of 32 lanes: how many of 16 activations agree with their weights, two cycles later.
// The first stage takes two bits at once, since a look-up table has four inputs: either one of the two agrees, or both do.
`default_nettype none

module owl_matches (
    input  wire        clk,
    input  wire        off,          // counts nothing
    input  wire [15:0] activations,
    input  wire [15:0] weights,
    output reg  [ 4:0] count
);
`ifdef VERILATOR
`ifndef OWL_MATCHES_BY_BITS
`define OWL_MATCHES_QUICK
`endif
`endif
`ifdef OWL_MATCHES_QUICK
  // The same numbers for a simulator that counts bits in one step: a whole chip runs five times as fast.
  reg [15:0] agreed;
  always @(posedge clk) begin
    agreed <= off ? 16'd0 : ~(activations ^ weights);
    count  <= 5'($countones(agreed));
  end
`else
  reg  [ 7:0] one, two;
  wire [15:0] agree = ~(activations ^ weights);
  integer i;
  always @(posedge clk) begin
    for (i = 0; i < 8; i = i + 1) begin
      one[i] <= agree[2*i] ^ agree[2*i+1];
      two[i] <= agree[2*i] & agree[2*i+1];
    end
    if (off) {one, two} <= 16'd0;
  end

  // Three such pairs hold 0 to 6, which two more levels of look-up tables tell; a pair has only one of its two bits set.
  function [2:0] of_six(input [2:0] ones, input [2:0] twos);
    reg carry;
    begin
      carry = (ones[0] & ones[1]) | (ones[0] & ones[2]) | (ones[1] & ones[2]);
      of_six = {
        (twos[0] & twos[1]) | (twos[2] & carry) | ((twos[0] | twos[1]) & (twos[2] | carry)), ^twos ^ carry, ^ones
      };
    end
  endfunction
  wire [2:0] four = {two[6] & two[7], two[6] ^ two[7] ^ (one[6] & one[7]), one[6] ^ one[7]};
  wire [3:0] twelve = {1'b0, of_six(one[2:0], two[2:0])} + {1'b0, of_six(one[5:3], two[5:3])};
  always @(posedge clk) count <= {1'b0, twelve} + {2'b00, four};
`endif
endmodule

`default_nettype wire
