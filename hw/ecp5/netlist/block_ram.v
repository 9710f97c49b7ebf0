// SPDX-License-Identifier: Apache-2.0
// A block RAM of the ECP5 (DP16KD) for simulation: 1024 rows of 18 bits and two ports, each 1, 2, 4, 9 or 18 bits wide. With 36 bits
// port A only writes and port B only reads, and the upper half of a word is at the pins of the other port (PDPW16KD).
// A byte is nine bits; widths below 9 leave the ninth out. Writes of 18 and 36 bits have an enable per byte in the low address bits.
// Of a word that one port writes the other reads what was there before.
`default_nettype none

module owl_block_ram #(
    parameter integer WIDTH_A = 18,
    parameter integer WIDTH_B = 18,
    parameter [0:0] OUTREG_A = 0,
    parameter [0:0] OUTREG_B = 0,
    parameter [1:0] WRITE_MODE_A = 0,  // at a write the output 0: stays, 1: is what was written, 2: is what was there before
    parameter [1:0] WRITE_MODE_B = 0,
    parameter [0:0] WRITES_A = 1,
    parameter [0:0] WRITES_B = 1,
    parameter [18431:0] INIT = 0
) (
    input  wire        clk_a,
    input  wire        en_a,
    input  wire        out_en_a,
    input  wire        we_a,
    input  wire        rst_a,
    input  wire [13:0] ad_a,
    input  wire [17:0] di_a,
    output wire [17:0] do_a,
    input  wire        clk_b,
    input  wire        en_b,
    input  wire        out_en_b,
    input  wire        we_b,
    input  wire        rst_b,
    input  wire [13:0] ad_b,
    input  wire [17:0] di_b,
    output wire [17:0] do_b
);
  localparam [0:0] SIMPLE = WIDTH_A == 36;
  reg [17:0] cells[0:1023];
  integer i;
  initial for (i = 0; i < 1024; i = i + 1) cells[i] = INIT[18*i+:18];

  // The lowest bit of a row that an access of this width begins at, and the bits that it takes.
  function [4:0] first(input integer width, input [3:0] ad);
    first = (width >= 18 ? 5'd0 : {1'b0, {4{ad[3]}} & 4'd9}) +
            (width == 4 ? {2'd0, ad[2], 2'd0} : width == 2 ? {2'd0, ad[2:1], 1'b0} : width == 1 ? {2'd0, ad[2:0]} : 5'd0);
  endfunction
  function [17:0] ones(input integer width);
    ones = width == 1 ? 18'h1 : width == 2 ? 18'h3 : width == 4 ? 18'hF : width == 9 ? 18'h1FF : 18'h3FFFF;
  endfunction
  function [17:0] written(input integer width, input [3:0] ad, input [1:0] bytes);
    written = width >= 18 ? {{9{bytes[1]}}, {9{bytes[0]}}} : ones(width) << first(width, ad);
  endfunction

  reg [17:0] get_a, get_b, get_upper, out_a, out_b, out_upper;
  initial {get_a, get_b, get_upper, out_a, out_b, out_upper} = 108'd0;
  wire [9:0] row_a = ad_a[13:4], row_b = ad_b[13:4];

  generate
    if (SIMPLE) begin : g_simple
      wire [17:0] low = written(36, 4'd0, ad_a[1:0]), high = written(36, 4'd0, ad_a[3:2]);
      always @(posedge clk_a)
        if (en_a && WRITES_A) begin
          cells[{row_a[9:1], 1'b0}] <= (cells[{row_a[9:1], 1'b0}] & ~low) | (di_a & low);
          cells[{row_a[9:1], 1'b1}] <= (cells[{row_a[9:1], 1'b1}] & ~high) | (di_b & high);
        end
      always @(posedge clk_b) begin
        if (rst_b) {get_upper, get_b} <= 36'd0;
        else if (en_b) begin
          if (WIDTH_B == 36) {get_upper, get_b} <= {cells[{row_b[9:1], 1'b1}], cells[{row_b[9:1], 1'b0}]};
          else get_upper <= (cells[row_b] >> first(WIDTH_B, ad_b[3:0])) & ones(WIDTH_B);
        end
        if (rst_b) {out_upper, out_b} <= 36'd0;
        else if (out_en_b) {out_upper, out_b} <= {get_upper, get_b};
      end
      assign do_a = OUTREG_B ? out_b : get_b;
      assign do_b = OUTREG_B ? out_upper : get_upper;
    end else begin : g_two
      wire [17:0] mask_a = written(WIDTH_A, ad_a[3:0], ad_a[1:0]), put_a = di_a << first(WIDTH_A, ad_a[3:0]);
      wire [17:0] mask_b = written(WIDTH_B, ad_b[3:0], ad_b[1:0]), put_b = di_b << first(WIDTH_B, ad_b[3:0]);
      wire [17:0] next_a = (cells[row_a] & ~mask_a) | (put_a & mask_a);
      wire [17:0] next_b = (cells[row_b] & ~mask_b) | (put_b & mask_b);
      wire store_a = WRITES_A && we_a && en_a && !rst_a, store_b = WRITES_B && we_b && en_b && !rst_b;
      always @(posedge clk_a) begin
        if (store_a) cells[row_a] <= next_a;
        if (rst_a) get_a <= 18'd0;
        else if (en_a && (!store_a || WRITE_MODE_A != 2'd0))
          get_a <= ((store_a && WRITE_MODE_A == 2'd1 ? next_a : cells[row_a]) >> first(WIDTH_A, ad_a[3:0])) & ones(WIDTH_A);
        if (rst_a) out_a <= 18'd0;
        else if (out_en_a) out_a <= get_a;
      end
      always @(posedge clk_b) begin
        if (store_b) cells[row_b] <= next_b;
        if (rst_b) get_b <= 18'd0;
        else if (en_b && (!store_b || WRITE_MODE_B != 2'd0))
          get_b <= ((store_b && WRITE_MODE_B == 2'd1 ? next_b : cells[row_b]) >> first(WIDTH_B, ad_b[3:0])) & ones(WIDTH_B);
        if (rst_b) out_b <= 18'd0;
        else if (out_en_b) out_b <= get_b;
      end
      assign do_a = OUTREG_A ? out_a : get_a;
      assign do_b = OUTREG_B ? out_b : get_b;
    end
  endgenerate
endmodule

`default_nettype wire
