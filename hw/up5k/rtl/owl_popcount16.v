// SPDX-License-Identifier: Apache-2.0
// Ones among 16 bits, combinational.
`default_nettype none

module owl_popcount16 (
    input  wire [15:0] bits,
    output wire [ 4:0] count
);
  function [2:0] ones4(input [3:0] b);
    ones4 = {2'd0, b[0]} + {2'd0, b[1]} + {2'd0, b[2]} + {2'd0, b[3]};
  endfunction
  wire [3:0] low = {1'b0, ones4(bits[3:0])} + {1'b0, ones4(bits[7:4])};
  wire [3:0] high = {1'b0, ones4(bits[11:8])} + {1'b0, ones4(bits[15:12])};
  assign count = {1'b0, low} + {1'b0, high};
endmodule

`default_nettype wire
