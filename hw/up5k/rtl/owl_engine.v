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
  wire enc_valid, enc_grant, enc_empty, frame_full;
  wire [15:0] enc_quarter, enc_data;
  wire enable, release_frame, table_valid;
  wire [15:0] frame_base, frame_positions1;
  wire [9:0] load_index;
  owl_encoder encoder (
      .clk(clk),
      .rst(rst),
      .enable(enable),
      .px_valid(px_valid),
      .px_ready(px_ready),
      .px_data(px_data),
      .base(frame_base),
      .positions1(frame_positions1),
      .table_valid(table_valid),
      .table_index(load_index[3:0] - 4'd1),
      .table_data(q[`OWL_ENTRY_BITS-1:0]),
      .release_frame(release_frame),
      .full(frame_full),
      .wr_valid(enc_valid),
      .wr_grant(enc_grant),
      .wr_quarter(enc_quarter),
      .wr_data(enc_data),
      .empty(enc_empty)
  );

  wire waiting, threshold_valid, weight_valid, load_read, read_grant, start;
  wire window_read, window_busy, lanes_busy, post_busy, sender_busy;
  wire [13:0] load_word;
  wire [7:0] first_weight, next_weight, threshold_addr;
  wire [1:0] threshold_slot;
  wire [63:0] thresholds;
  /* verilator lint_off UNUSEDSIGNAL */
  wire [`OWL_TILE_BITS-1:0] tile;  // the sequencer keeps some fields for itself
  /* verilator lint_on UNUSEDSIGNAL */
  wire [`OWL_PASS_BITS-1:0] header;
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
      .frame_positions1(frame_positions1),
      .table_valid(table_valid),
      .threshold_valid(threshold_valid),
      .weight_valid(weight_valid),
      .load_index(load_index),
      .load_read(load_read),
      .load_word(load_word),
      .read_grant(read_grant),
      .q(q),
      .start(start),
      .run_busy(window_busy | lanes_busy | post_busy | sender_busy),
      .first_weight(first_weight),
      .next_weight(next_weight),
      .threshold_addr(threshold_addr),
      .threshold_slot(threshold_slot),
      .threshold_q(thresholds[`OWL_PASS_BITS-1:0]),
      .tile(tile),
      .header(header)
  );
  owl_thresholds threshold_memory (
      .clk(clk),
      .wr_valid(threshold_valid),
      .wr_index(load_index[7:0]),
      .wr_data(q),
      .addr(threshold_addr),
      .q(thresholds)
  );
  wire [255:0] weights;
  wire [7:0] weight_row, weight_addr;
  owl_weights weight_memory (
      .clk(clk),
      .wr_valid(weight_valid),
      .wr_index(load_index),
      .wr_data(q),
      .row(weight_addr),
      .q(weights)
  );

  wire [15:0] window_quarter;
  wire tag_counts, tag_first, tag_last, tag_outside, tag_partner, tag_pool_first, tag_pool_last;
  owl_window window (
      .clk(clk),
      .rst(rst),
      .start(start),
      .base(tile[`OWL_TILE_READ_BASE] + {4'd0, header[`OWL_PASS_FIRST_WORD], 2'd0}),
      .first_weight(first_weight),
      .columns1(tile[`OWL_TILE_COLUMNS1]),
      .rows1(tile[`OWL_TILE_ROWS1]),
      .reads_x1(tile[`OWL_TILE_READS1]),
      .kernel_y1(tile[`OWL_TILE_KERNEL_ROWS1]),
      .words1(tile[`OWL_TILE_WORDS1]),
      .pair(tile[`OWL_TILE_PAIR]),
      .odd(tile[`OWL_TILE_ODD]),
      .pool(tile[`OWL_TILE_POOL]),
      .pad_top(tile[`OWL_TILE_PAD_TOP]),
      .pad_bottom(tile[`OWL_TILE_PAD_BOTTOM]),
      .pad_left(tile[`OWL_TILE_PAD_LEFT]),
      .pad_right(tile[`OWL_TILE_PAD_RIGHT]),
      .step_kx(tile[`OWL_TILE_STEP_KX]),
      .step_word(tile[`OWL_TILE_STEP_WORD]),
      .step_ky(tile[`OWL_TILE_STEP_KY]),
      .step_a(tile[`OWL_TILE_STEP_A]),
      .step_b(tile[`OWL_TILE_STEP_B]),
      .step_d(tile[`OWL_TILE_STEP_D]),
      .step_e(tile[`OWL_TILE_STEP_E]),
      .read_valid(window_read),
      .read_grant(window_read && read_grant),
      .read_quarter(window_quarter),
      .weight_row(weight_row),
      .next_weight(next_weight),
      .tag_counts(tag_counts),
      .tag_first(tag_first),
      .tag_last(tag_last),
      .tag_outside(tag_outside),
      .tag_partner(tag_partner),
      .tag_pool_first(tag_pool_first),
      .tag_pool_last(tag_pool_last),
      .busy(window_busy)
  );

  wire [191:0] left_sums, right_sums;
  wire sums_valid, partner, pool_first, pool_last;
  owl_lanes lanes (
      .clk(clk),
      .rst(rst),
      .issue(window_read && read_grant),
      .pair(tile[`OWL_TILE_PAIR]),
      .tag_counts(tag_counts),
      .tag_first(tag_first),
      .tag_last(tag_last),
      .tag_outside(tag_outside),
      .tag_partner(tag_partner),
      .tag_pool_first(tag_pool_first),
      .tag_pool_last(tag_pool_last),
      .tag_quarter(window_quarter[1:0]),
      .width(tile[`OWL_TILE_READ_WIDTH]),
      .weight_row(weight_row),
      .weight_addr(weight_addr),
      .word(q),
      .weights(weights),
      .left_sums(left_sums),
      .right_sums(right_sums),
      .sums_valid(sums_valid),
      .partner(partner),
      .pool_first(pool_first),
      .pool_last(pool_last),
      .busy(lanes_busy)
  );

  wire raw_valid, post_valid, post_fill;
  wire [55:0] counts;
  wire [15:0] post_quarter, post_data;
  wire [1:0] post_nibble;
  owl_post post (
      .clk(clk),
      .rst(rst),
      .start(start),
      .left_sums(left_sums),
      .right_sums(right_sums),
      .sums_valid(sums_valid),
      .partner(partner),
      .pool(tile[`OWL_TILE_POOL]),
      .pool_first(pool_first),
      .pool_last(pool_last),
      .mode(tile[`OWL_TILE_MODE]),
      .raw(tile[`OWL_TILE_RAW]),
      .base(tile[`OWL_TILE_WRITE_BASE]),
      .step(tile[`OWL_TILE_WRITE_STEP]),
      .slots({header[`OWL_PASS_SLOT(3)], header[`OWL_PASS_SLOT(2)], header[`OWL_PASS_SLOT(1)], header[`OWL_PASS_SLOT(0)]}),
      .quad(header[`OWL_PASS_QUAD]),
      .threshold_slot(threshold_slot),
      .thresholds(thresholds),
      .raw_valid(raw_valid),
      .counts(counts),
      .wr_valid(post_valid),
      .wr_quarter(post_quarter),
      .wr_nibble(post_nibble),
      .wr_fill(post_fill),
      .wr_data(post_data),
      .busy(post_busy)
  );
  owl_sender sender (
      .clk(clk),
      .rst(rst),
      .start(raw_valid),
      .scores1(header[`OWL_PASS_SCORES1]),
      .counts(counts),
      .offsets(thresholds),
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
      .post_valid(post_valid),
      .post_quarter(post_quarter),
      .post_nibble(post_nibble),
      .post_quad(header[`OWL_PASS_QUAD]),
      .post_fill(post_fill),
      .post_width(tile[`OWL_TILE_WRITE_WIDTH]),
      .post_data(post_data),
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
