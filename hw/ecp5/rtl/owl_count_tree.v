// SPDX-License-Identifier: Apache-2.0
// The sum of M numbers and M - 1 products x ^ w: numbers are added in pairs, each pair with one product, and so on (recursive).
`default_nettype none

module owl_count_tree #(
    parameter M      = 2,
    parameter BITS   = 2,  // of each number
    parameter OUT    = 3,  // bits of the sum, which may be fewer than the additions make where its highest are 0
    parameter LEVEL  = 1,  // levels before this one, of LEVELS in all, among which STAGES registers are spread
    parameter LEVELS = 2,
    parameter STAGES = 1
) (
    input  wire              clk,
    input  wire [M*BITS-1:0] numbers,
    input  wire [     M-1:0] x,        // the last one is not a product but 0
    input  wire [     M-1:0] w,
    output wire [   OUT-1:0] count
);
  localparam H = M / 2;  // pairs
  localparam NEXT = M - H;
  localparam MOST = BITS > 10 ? 1 : 23 / (BITS + 1);  // sums on one chain of up to 12 cells
  localparam CHAINS = (H + MOST - 1) / MOST;
  localparam EACH = CHAINS == 0 ? 1 : (H + CHAINS - 1) / CHAINS;
  localparam REGISTER = (LEVEL + 1) * STAGES / LEVELS - LEVEL * STAGES / LEVELS;

  genvar i;
  generate
    if (M == 1) begin : g_done
      wire unused = &{1'b0, clk, x, w, numbers};
      assign count = OUT'(numbers);
    end else begin : g_add
      wire [H*BITS-1:0] a, b;
      wire [NEXT*(BITS+1)-1:0] sums, kept;
      wire [NEXT-1:0] x_left, w_left;
      for (i = 0; i < H; i = i + 1) begin : g_pair
        assign a[i*BITS+:BITS] = numbers[2*i*BITS+:BITS];
        assign b[i*BITS+:BITS] = numbers[(2*i+1)*BITS+:BITS];
      end
      for (i = 0; i < CHAINS; i = i + 1) begin : g_chain
        localparam FROM = i * EACH;
        localparam NODES = FROM + EACH > H ? H - FROM : EACH;
        owl_adder_chain #(.NODES(NODES), .BITS(BITS), .LEAF(0)) chain (
            .a(a[FROM*BITS+:NODES*BITS]), .b(b[FROM*BITS+:NODES*BITS]), .x(x[FROM+:NODES]), .w(w[FROM+:NODES]),
            .sum(sums[FROM*(BITS+1)+:NODES*(BITS+1)])
        );
      end
      if (NEXT > H) begin : g_rest  // a number without a partner
        assign sums[H*(BITS+1)+:BITS+1] = {1'b0, numbers[(M-1)*BITS+:BITS]};
      end
      owl_late #(.BITS(NEXT * (BITS + 3)), .CYCLES(REGISTER)) after (
          .clk(clk), .in({sums, x[M-1:H], w[M-1:H]}), .out({kept, x_left, w_left})
      );
      owl_count_tree #(
          .M(NEXT), .BITS(BITS + 1), .OUT(OUT), .LEVEL(LEVEL + 1), .LEVELS(LEVELS), .STAGES(STAGES)
      ) next (
          .clk(clk), .numbers(kept), .x(x_left), .w(w_left), .count(count)
      );
    end
  endgenerate
endmodule

`default_nettype wire
