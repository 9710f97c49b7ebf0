// SPDX-License-Identifier: Apache-2.0
// Words that are read in order, again and again: a counter, a ROM and its output register. `q` is the next word LATENCY cycles after
// `next`: 2, or 3 where block RAMs lie above one another.
// A word's lowest bits come from COLUMNS block RAMs side by side, each of BLOCK_WORDS words of BLOCK_BITS bits, and ROWS of them above
// one another; block c of row r reads the file FILE with the number r * COLUMNS + c as three hexadecimal digits behind it. The
// highest LUT_BITS bits come from look-up tables, 64 bits of each word from one part of them, with an address register of its own.
// CONTENT holds the parts, each with its first word in its lowest bits, the part of the lowest bits lowest.
`default_nettype none

module owl_rom #(
    parameter WIDTH = 36,
    parameter DEPTH = 512,
    parameter BLOCK_WORDS = 512,
    parameter BLOCK_BITS = 36,
    parameter ROWS = 1,
    parameter COLUMNS = 1,
    parameter LUT_BITS = 0,
    parameter FILE = "",
    parameter [((LUT_BITS == 0) ? 1 : LUT_BITS*DEPTH)-1:0] CONTENT = 0
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             next,
    output reg  [WIDTH-1:0] q
);
  localparam BITS = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam RAM_BITS = WIDTH - LUT_BITS;
  localparam PART_BITS = 16;
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

  wire [WIDTH-1:0] read;
  generate
    genvar r, c;
    if (RAM_BITS > 0) begin : blocks
      localparam BLOCK_ADDRESS = $clog2(BLOCK_WORDS);
      localparam USED = (BITS < BLOCK_ADDRESS) ? BITS : BLOCK_ADDRESS;
      wire [ROWS*RAM_BITS-1:0] words;
      for (r = 0; r < ROWS; r = r + 1) begin : row
        for (c = 0; c < COLUMNS; c = c + 1) begin : column
          localparam PART = ((c + 1) * BLOCK_BITS > RAM_BITS) ? RAM_BITS - c * BLOCK_BITS : BLOCK_BITS;
          localparam HELD = ((r + 1) * BLOCK_WORDS > DEPTH) ? DEPTH - r * BLOCK_WORDS : BLOCK_WORDS;
          localparam NUMBER = r * COLUMNS + c;
          owl_rom_block #(
              .WIDTH(PART),
              .DEPTH(HELD),
              .BITS (USED),
              .FILE ({FILE, digit(NUMBER / 256), digit(NUMBER / 16 % 16), digit(NUMBER % 16), ".hex"})
          ) block (
              .clk(clk),
              .address(address[USED-1:0]),
              .q(words[r*RAM_BITS+c*BLOCK_BITS+:PART])
          );
        end
      end
      if (ROWS == 1) begin : choice
        assign read[RAM_BITS-1:0] = words;
      end else begin : choice
        localparam ROW_BITS = BITS - BLOCK_ADDRESS;
        reg [ROWS*RAM_BITS-1:0] words_1;
        reg [ROW_BITS-1:0] row_1, row_2;
        always @(posedge clk) begin
          words_1 <= words;
          {row_1, row_2} <= {address[BITS-1:BLOCK_ADDRESS], row_1};
        end
        assign read[RAM_BITS-1:0] = words_1[row_2*RAM_BITS+:RAM_BITS];
      end
    end
    if (LUT_BITS > 0) begin : tables
      wire [LUT_BITS-1:0] words;
      if (DEPTH == 1) begin : rom
        assign words = CONTENT[LUT_BITS-1:0];
        wire one = address;
      end else begin : rom
        localparam PARTS = (LUT_BITS + PART_BITS - 1) / PART_BITS;
        for (c = 0; c < PARTS; c = c + 1) begin : part
          localparam PART = ((c + 1) * PART_BITS > LUT_BITS) ? LUT_BITS - c * PART_BITS : PART_BITS;
          wire [BITS-1:0] near;
          wire [PART-1:0] word;
          owl_copy #(
              .WIDTH(BITS)
          ) copy (
              .clk(clk),
              .d  (address),
              .q  (near)
          );
          owl_lut_rom #(
              .WIDTH(PART),
              .DEPTH(DEPTH),
              .BITS(BITS),
              .CONTENT(CONTENT[c*PART_BITS*DEPTH+:PART*DEPTH])
          ) content (
              .address(near),
              .q(word)
          );
          assign words[c*PART_BITS+:PART] = word;
        end
      end
      if (ROWS > 1) begin : late
        reg [LUT_BITS-1:0] words_1;
        always @(posedge clk) words_1 <= words;
        assign read[WIDTH-1:RAM_BITS] = words_1;
      end else begin : late
        assign read[WIDTH-1:RAM_BITS] = words;
      end
    end
  endgenerate
  always @(posedge clk) q <= read;

  function [7:0] digit(input integer number);
    digit = (number < 10) ? 8'd48 + number[7:0] : 8'd87 + number[7:0];
  endfunction
endmodule

`default_nettype wire
