// SPDX-License-Identifier: Apache-2.0
// The memory port: of one read and three write requests a cycle it takes one, and turns quarter-word writes into a nibble mask.
// Boot, then the post unit, then the encoder. Writes take cycles without a read, or the read's where they cannot wait. Read data: two
// cycles later.
// A write changes one nibble, or with `quad` all four, of quarter `quarter`; with `fill` the rest of its pixel becomes 0.
`include "owl_fields.vh"
`default_nettype none

module owl_port (
    input  wire        clk,
    input  wire        boot_valid,
    input  wire [15:0] boot_quarter,
    input  wire [ 1:0] boot_nibble,
    input  wire [ 3:0] boot_data,
    input  wire        post_next,     // post_valid in the next cycle, and it cannot wait
    input  wire        post_valid,
    output wire        post_grant,
    input  wire [15:0] post_quarter,
    input  wire [ 1:0] post_nibble,
    input  wire        post_quad,
    input  wire        post_fill,
    input  wire [ 1:0] post_width,    // of a pixel
    input  wire [15:0] post_data,     // the nibble stands in every place it may go to
    input  wire        enc_late,      // enc_valid cannot wait either
    input  wire        enc_valid,
    output wire        enc_grant,
    input  wire [15:0] enc_quarter,
    input  wire [15:0] enc_data,
    input  wire        read_valid,
    output wire        read_grant,
    input  wire [13:0] read_word,
    output wire [63:0] q
);
  reg writing;  // a write that cannot wait; nothing is read during boot
  wire free = writing || !read_valid;
  assign read_grant = read_valid && !writing;
  assign post_grant = post_valid && free;
  assign enc_grant = enc_valid && !post_valid && free;
  always @(posedge clk) writing <= post_next | (enc_late & !enc_grant);

  // ---------------------------------------------------------------- the write that goes
  wire        waits = post_valid | enc_valid;
  wire        write = boot_valid | (waits & free);
  wire [15:0] quarter = boot_valid ? boot_quarter : post_valid ? post_quarter : enc_quarter;
  wire [15:0] data = boot_valid ? {4{boot_data}} : post_valid ? post_data : enc_data;
  wire [ 1:0] nibble = boot_valid ? boot_nibble : post_nibble;
  wire        whole = !boot_valid && (!post_valid || post_quad);
  wire        fill = !boot_valid && post_valid && post_fill;
  wire [ 3:0] in_quarter = whole ? 4'b1111 : 4'b0001 << nibble;
  wire [ 3:0] own = 4'b0001 << quarter[1:0];
  wire [ 3:0] half = quarter[1] ? 4'b1100 : 4'b0011;
  wire [ 3:0] pixel = (post_width == `OWL_WIDTH_WORD) ? 4'b1111 : (post_width == `OWL_WIDTH_HALF) ? half : own;

  // ---------------------------------------------------------------- registered towards the memory
  reg         en;
  reg         we;
  reg  [15:0] mask;
  reg  [13:0] addr;
  reg  [63:0] d;
  integer i;
  always @(posedge clk) begin
    en   <= boot_valid | waits | read_valid;
    we   <= write;
    addr <= write ? quarter[15:2] : read_word;
    for (i = 0; i < 4; i = i + 1) begin
      mask[4*i+:4] <= (in_quarter & {4{own[i]}}) | {4{fill & pixel[i]}};
    end
    for (i = 0; i < 16; i = i + 1) d[4*i+:4] <= data[4*(i%4)+:4] & {4{own[i/4] & in_quarter[i%4]}};
  end

  owl_memory memory (
      .clk(clk),
      .en(en),
      .we(we),
      .mask(mask),
      .addr(addr),
      .d(d),
      .q(q)
  );
endmodule

`default_nettype wire
