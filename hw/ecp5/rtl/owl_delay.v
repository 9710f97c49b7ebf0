// SPDX-License-Identifier: Apache-2.0
// A delay of DEPTH enabled cycles: a ring in memory, of which a word to come is read while the present one is written.
`default_nettype none

module owl_delay #(
    parameter WIDTH = 8,
    parameter DEPTH = 16,
    parameter BLOCK = 0
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             enable,
    input  wire [WIDTH-1:0] d,
    output reg  [WIDTH-1:0] q  // what `d` was DEPTH enabled cycles ago
);
  generate
    if (DEPTH == 1) begin : memory
      always @(posedge clk) if (enable) q <= d;
      wire unused = rst;
    end else begin : memory
      localparam BITS = $clog2(DEPTH);
      localparam LAST = DEPTH - 1;
      localparam FIRST = 0, SECOND = 1;
      reg [BITS-1:0] here, next;
      if (BLOCK != 0 && DEPTH > 2) begin : ring  // a register behind the block RAM, which is slow: two words are read ahead
        localparam THIRD = 2;
        (* ram_style = "block", no_rw_check *) reg [WIDTH-1:0] words[0:DEPTH-1];
        reg [WIDTH-1:0] word;
        reg [BITS-1:0] ahead;
        always @(posedge clk) begin
          if (enable) begin
            words[here] <= d;
            word <= words[ahead];
            q <= word;
            ahead <= (ahead == LAST[BITS-1:0]) ? {BITS{1'b0}} : ahead + 1'b1;
          end
          if (rst) ahead <= THIRD[BITS-1:0];
        end
      end else begin : ring
        (* ram_style = "distributed" *) reg [WIDTH-1:0] words[0:DEPTH-1];
        always @(posedge clk)
          if (enable) begin
            words[here] <= d;
            q <= words[next];
          end
      end
      always @(posedge clk) begin
        if (enable) begin
          here <= next;
          next <= (next == LAST[BITS-1:0]) ? {BITS{1'b0}} : next + 1'b1;
        end
        if (rst) begin
          here <= FIRST[BITS-1:0];
          next <= SECOND[BITS-1:0];
        end
      end
    end
  endgenerate
endmodule

`default_nettype wire
