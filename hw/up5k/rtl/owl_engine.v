// SPDX-License-Identifier: Apache-2.0
// The engine: boots a network from flash, takes frames of pixels, gives scores. Wiring only; each part says what it does.
`include "owl_fields.vh"
`default_nettype none

module owl_engine #(
    parameter [23:0] NETWORK = `OWL_FLASH_OFFSET  // address of the network in the flash
) (
    input  wire       clk,
    input  wire       rst,
    output wire       flash_cs_n,
    output wire       flash_sck,
    output wire       flash_mosi,
    input  wire       flash_miso,
    input  wire       px_valid,
    output wire       px_ready,
    input  wire [7:0] px_data,
    output wire       score_valid,
    input  wire       score_ready,
    output wire [7:0] score_data,
    output wire       idle,         // waiting for the first pixel of a frame
    output wire       free,         // the first pixel of a frame may come; another frame may be at work
    output wire       error
);
  wire boot_valid, boot_done;
  wire [15:0] boot_quarter;
  wire [ 1:0] boot_nibble;
  wire [ 3:0] boot_data;
  owl_boot #(
      .BASE(NETWORK)
  ) boot (
      .clk(clk),
      .rst(rst),
      .flash_cs_n(flash_cs_n),
      .flash_sck(flash_sck),
      .flash_mosi(flash_mosi),
      .flash_miso(flash_miso),
      .wr_valid(boot_valid),
      .wr_quarter(boot_quarter),
      .wr_nibble(boot_nibble),
      .wr_data(boot_data),
      .done(boot_done),
      .error(error)
  );

  wire [63:0] q;
  wire enc_late, enc_valid, enc_grant, enc_empty, frame_full;
  wire [15:0] enc_quarter, enc_data;
  wire enable, release_frame, table_valid;
  wire [15:0] frame_base;
  wire [9:0] load_index;
  wire [4:0] table_index;
  owl_encoder encoder (
      .clk(clk),
      .rst(rst),
      .enable(enable),
      .px_valid(px_valid),
      .px_ready(px_ready),
      .px_data(px_data),
      .base(frame_base),
      .table_valid(table_valid),
      .table_index(table_index),
      .table_data(q[`OWL_ENTRY_BITS-1:0]),
      .release_frame(release_frame),
      .full(frame_full),
      .wr_late(enc_late),
      .wr_valid(enc_valid),
      .wr_grant(enc_grant),
      .wr_quarter(enc_quarter),
      .wr_data(enc_data),
      .empty(enc_empty)
  );

  wire waiting, weight_valid, set_top, set_bottom, set_right, load_read, read_grant, start;
  wire window_read, window_busy, lanes_busy, post_busy, sender_busy;
  wire [13:0] load_word;
  wire step_valid, first_row;
  wire [2:0] step_index;
  wire [15:0] step_data;
  /* verilator lint_off UNUSEDSIGNAL */
  wire [63:32] tile_0;  // the sequencer keeps some fields for itself
  wire [127:96] tile_1;
  wire [191:160] tile_2;
  /* verilator lint_on UNUSEDSIGNAL */
  wire [63:16] header;
  assign idle = waiting && enc_empty;
  assign free = enable && enc_empty;
  owl_sequencer sequencer (
      .clk(clk),
      .rst(rst),
      .boot_done(boot_done),
      .frame_full(frame_full),
      .waiting(waiting),
      .enable(enable),
      .release_frame(release_frame),
      .frame_base(frame_base),
      .table_valid(table_valid),
      .table_index(table_index),
      .weight_valid(weight_valid),
      .set_top(set_top),
      .set_bottom(set_bottom),
      .set_right(set_right),
      .step_valid(step_valid),
      .step_index(step_index),
      .step_data(step_data),
      .load_index(load_index),
      .load_read(load_read),
      .load_word(load_word),
      .read_grant(read_grant),
      .q(q),
      .start(start),
      .run_busy(window_busy | lanes_busy | post_busy | sender_busy),
      .first_row(first_row),
      .tile_0(tile_0),
      .tile_1(tile_1),
      .tile_2(tile_2),
      .header(header)
  );
  wire [255:0] weights;
  wire [7:0] weight_row;
  owl_weights weight_memory (
      .clk(clk),
      .wr_valid(weight_valid),
      .wr_index(load_index),
      .wr_data(q),
      .row(weight_row),
      .q(weights)
  );

  wire [15:0] window_quarter;
  wire tag_first, tag_second, tag_end, tag_left, tag_counts, tag_last, tag_outside, tag_partner;
  owl_window window (
      .clk(clk),
      .rst(rst),
      .step_valid(step_valid),
      .step_index(step_index),
      .step_data(step_data),
      .start(start),
      .columns1(tile_0[`OWL_TILE_COLUMNS1]),
      .rows1(tile_0[`OWL_TILE_ROWS1]),
      .reads_x1(tile_1[`OWL_TILE_READS1]),
      .kernel_y1(tile_1[`OWL_TILE_KERNEL_ROWS1]),
      .words1(tile_0[`OWL_TILE_WORDS1]),
      .pair(tile_2[`OWL_TILE_PAIR]),
      .kept(tile_2[`OWL_TILE_KEPT]),
      .odd(tile_2[`OWL_TILE_ODD]),
      .pool(tile_1[`OWL_TILE_POOL]),
      .pad_top(tile_2[`OWL_TILE_PAD_TOP]),
      .pad_bottom(tile_2[`OWL_TILE_PAD_BOTTOM]),
      .pad_left(tile_2[`OWL_TILE_PAD_LEFT]),
      .pad_right(tile_2[`OWL_TILE_PAD_RIGHT]),
      .read_valid(window_read),
      .read_grant(window_read && read_grant),
      .read_quarter(window_quarter),
      .tag_first(tag_first),
      .tag_second(tag_second),
      .tag_end(tag_end),
      .tag_left(tag_left),
      .tag_counts(tag_counts),
      .tag_last(tag_last),
      .tag_outside(tag_outside),
      .tag_partner(tag_partner),
      .busy(window_busy)
  );

  wire [15:0] left, right;
  wire [59:0] sums;
  wire done, partner;
  owl_lanes lanes (
      .clk(clk),
      .rst(rst),
      .start(start),
      .issue(window_read && read_grant),
      .pair(tile_2[`OWL_TILE_PAIR]),
      .kept(tile_2[`OWL_TILE_KEPT]),
      .pool(tile_1[`OWL_TILE_POOL]),
      .by_quarters(tile_2[`OWL_TILE_BY_QUARTERS]),
      .by_words(tile_2[`OWL_TILE_BY_WORDS]),
      .split(tile_2[`OWL_TILE_SPLIT]),
      .raw(tile_1[`OWL_TILE_RAW]),
      .tag_first(tag_first),
      .tag_second(tag_second),
      .tag_end(tag_end),
      .tag_left(tag_left),
      .tag_counts(tag_counts),
      .tag_last(tag_last),
      .tag_outside(tag_outside),
      .tag_partner(tag_partner),
      .tag_quarter(window_quarter[1:0]),
      .width(tile_2[`OWL_TILE_READ_WIDTH]),
      .more(window_busy),
      .first_row(first_row),
      .weight_row(weight_row),
      .word(q),
      .weights(weights),
      .set_top(set_top),
      .set_bottom(set_bottom),
      .set_right(set_right),
      .left(left),
      .right(right),
      .sums(sums),
      .done(done),
      .partner(partner),
      .busy(lanes_busy)
  );

  wire post_next, post_grant, post_valid, post_quad, post_fill;
  wire [15:0] post_quarter, post_data;
  wire [1:0] post_nibble;
  owl_post post (
      .clk(clk),
      .rst(rst),
      .start(start),
      .left(left),
      .right(right),
      .done(done && !tile_1[`OWL_TILE_RAW]),
      .partner(partner),
      .pair(tile_2[`OWL_TILE_PAIR]),
      .pool(tile_1[`OWL_TILE_POOL]),
      .split(tile_2[`OWL_TILE_SPLIT]),
      .base(tile_1[`OWL_TILE_WRITE_BASE]),
      .step(tile_2[`OWL_TILE_WRITE_STEP]),
      .header(header),
      .by_words(tile_2[`OWL_TILE_BY_WORDS]),
      .patient(tile_1[`OWL_TILE_POOL] && (!tile_2[`OWL_TILE_PAIR] || tile_2[`OWL_TILE_KEPT])),
      .wr_next(post_next),
      .wr_valid(post_valid),
      .wr_grant(post_grant),
      .wr_quarter(post_quarter),
      .wr_nibble(post_nibble),
      .wr_quad(post_quad),
      .wr_fill(post_fill),
      .wr_data(post_data),
      .busy(post_busy)
  );
  owl_sender sender (
      .clk(clk),
      .rst(rst),
      .start(done && tile_1[`OWL_TILE_RAW]),
      .scores1(header[`OWL_LAST_SCORES1]),
      .odd(header[`OWL_LAST_ODD]),
      .sums(sums),
      .score_valid(score_valid),
      .score_ready(score_ready),
      .score_data(score_data),
      .busy(sender_busy)
  );

  owl_port port (
      .clk(clk),
      .boot_valid(boot_valid),
      .boot_quarter(boot_quarter),
      .boot_nibble(boot_nibble),
      .boot_data(boot_data),
      .post_next(post_next),
      .post_valid(post_valid),
      .post_grant(post_grant),
      .post_quarter(post_quarter),
      .post_nibble(post_nibble),
      .post_quad(post_quad),
      .post_fill(post_fill),
      .post_width(tile_2[`OWL_TILE_WRITE_WIDTH]),
      .post_data(post_data),
      .enc_late(enc_late),
      .enc_valid(enc_valid),
      .enc_grant(enc_grant),
      .enc_quarter(enc_quarter),
      .enc_data(enc_data),
      .read_valid(load_read | window_read),
      .read_grant(read_grant),
      .read_word(load_read ? load_word : window_quarter[15:2]),
      .q(q)
  );
endmodule

`default_nettype wire
