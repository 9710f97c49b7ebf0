// SPDX-License-Identifier: Apache-2.0
// The inputs of a layer that takes a whole map at once: WORDS words, read PASSES times while those of the next frame come in.
// Both lie in one memory, one behind the other, in turns: LUT RAM or, with BLOCK, block RAM.
// The ports are those of `owl_window`; the slice that ends a sum, the last of a pass, waits for `room`.
`default_nettype none

module owl_buffer #(
    parameter WIDTH  = 8,
    parameter WORDS  = 16,
    parameter PASSES = 4,
    parameter BLOCK  = 0
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             s_valid,
    output wire             s_ready,
    input  wire [WIDTH-1:0] s_data,
    input  wire             room,
    output wire             ends,
    output reg              valid,
    output reg              first,
    output reg              last,
    output reg  [WIDTH-1:0] x
);
  localparam DEPTH = 2 * WORDS;
  localparam BITS = $clog2(DEPTH);
  localparam WORD_BITS = (WORDS > 1) ? $clog2(WORDS) : 1;
  localparam PASS_BITS = (PASSES > 1) ? $clog2(PASSES) : 1;
  localparam LAST = DEPTH - 1;

  // ---------------------------------------------------------------- frames in the memory, whole ones
  reg one, two;
  wire put = s_valid && s_ready;
  wire step = one && (!last_word || room);
  wire put_first, put_last, first_word, last_word, first_pass, last_pass;
  wire come = put && put_last;
  wire gone = step && last_word && last_pass;
  assign s_ready = !two;
  assign ends = step && last_word;

  wire [BITS-1:0] place;
  wire place_first, place_last;
  owl_modulo #(
      .COUNT(DEPTH),
      .BITS (BITS)
  ) places (
      .clk  (clk),
      .rst  (rst),
      .step (put),
      .count(place),
      .first(place_first),
      .last (place_last)
  );
  wire [WORD_BITS-1:0] put_word, word;
  wire [PASS_BITS-1:0] pass;
  owl_modulo #(
      .COUNT(WORDS),
      .BITS (WORD_BITS)
  ) words_put (
      .clk  (clk),
      .rst  (rst),
      .step (put),
      .count(put_word),
      .first(put_first),
      .last (put_last)
  );
  owl_modulo #(
      .COUNT(WORDS),
      .BITS (WORD_BITS)
  ) words_read (
      .clk  (clk),
      .rst  (rst),
      .step (step),
      .count(word),
      .first(first_word),
      .last (last_word)
  );
  owl_modulo #(
      .COUNT(PASSES),
      .BITS (PASS_BITS)
  ) passes (
      .clk  (clk),
      .rst  (rst),
      .step (ends),
      .count(pass),
      .first(first_pass),
      .last (last_pass)
  );
  wire unused = &{place_first, place_last, put_first, put_word, word, pass, first_pass};

  // ---------------------------------------------------------------- a pass ends at the frame's first word again, but for the last
  reg [BITS-1:0] address, base;
  wire [BITS-1:0] follow = (address == LAST[BITS-1:0]) ? {BITS{1'b0}} : address + 1'b1;
  always @(posedge clk) begin
    if (step) address <= (last_word && !last_pass) ? base : follow;
    if (gone) base <= follow;
    if (come && !gone) {two, one} <= {one, 1'b1};
    if (gone && !come) {two, one} <= {1'b0, two};
    valid <= step && !rst;
    first <= first_word;
    last  <= last_word;
    if (rst) begin
      {two, one} <= 2'b00;
      address <= {BITS{1'b0}};
      base <= {BITS{1'b0}};
    end
  end

  generate
    if (BLOCK != 0) begin : memory
      (* ram_style = "block", no_rw_check *) reg [WIDTH-1:0] inputs[0:DEPTH-1];
      always @(posedge clk) begin
        if (put) inputs[place] <= s_data;
        x <= inputs[address];
      end
    end else begin : memory
      (* ram_style = "distributed" *) reg [WIDTH-1:0] inputs[0:DEPTH-1];
      always @(posedge clk) begin
        if (put) inputs[place] <= s_data;
        x <= inputs[address];
      end
    end
  endgenerate
endmodule

`default_nettype wire
