// SPDX-License-Identifier: Apache-2.0
// The conductor: reads the configuration once, then for every frame the program from its first word to its last: for each tile its
// descriptor, its weights, and the passes, each a header and where the sums begin. A tile is what fits the weight memory; a pass is
// one walk over the map for up to 16 filters. Layout: hw/up5k/fields.py.
`include "owl_fields.vh"
`default_nettype none

module owl_sequencer (
    input  wire         clk,
    input  wire         rst,
    input  wire         boot_done,
    input  wire         frame_full,
    output wire         waiting,          // for a frame
    output reg          enable,           // configured
    output reg          release_frame,
    output reg  [ 15:0] frame_base,
    output wire         table_valid,      // loaded words, each to its memory
    output wire [  4:0] table_index,
    output wire         weight_valid,
    output wire         set_top,          //   or to the lanes, where sums begin
    output wire         set_bottom,
    output wire         set_right,
    output wire         step_valid,       //   or to the table of the window's steps
    output wire [  2:0] step_index,
    output wire [  9:0] load_index,
    output reg          load_read,        // memory port
    output reg  [ 13:0] load_word,
    input  wire         read_grant,
    input  wire [ 63:0] q,
    output reg          start,            // a pass begins
    input  wire         run_busy,
    output wire         first_row,        // of the weights: a tile begins
    output wire [ 15:0] step_data,
    output reg  [ 63:32] tile_0,          // the first three words of the descriptor, without their steps
    output reg  [127:96] tile_1,
    output reg  [191:160] tile_2,
    output reg  [ 63:16] header           // of the pass
);
  localparam [3:0] BOOT = 0, CONFIG = 1, IDLE = 2, FETCH = 3, WEIGHTS = 4, PASS = 5, RUN = 6, NEXT = 7;
  (* fsm_encoding = "none" *) reg [3:0] state;  // as coded: synthesis would drop what codes that are no state do

  // ---------------------------------------------------------------- loader: `load_left1` + 1 words, in the order of the program
  reg returns_1, returns_2;
  reg [9:0] load_left1, index_0, index_1, index_2;
  // The encoder's entries and a descriptor's words come twice: they go in halves to memories of 16 bits.
  wire whole = (state != CONFIG) && (state != FETCH);
  wire load_over = !load_read && !returns_1 && !returns_2;
  assign load_index   = index_2;
  assign table_valid  = returns_2 && state == CONFIG;
  assign table_index  = index_2[4:0];
  assign weight_valid = returns_2 && state == WEIGHTS;
  // Words 1 and 2 of a pass set the sums at the bottom and at the top, words 3 and 4 those of the right window alone.
  wire sets = returns_2 && state == PASS;
  assign set_bottom = sets && index_2[0];
  assign set_top = sets && !index_2[0] && (index_2[2] || index_2[1]);
  assign set_right = index_2[2] || (index_2[1] && index_2[0]);

  assign step_valid = (returns_2 && state == FETCH) || (sets && index_2[2:0] == 3'd0);
  assign step_index = (state == FETCH) ? index_2[2:0] : `OWL_STEP_BASE;
  assign step_data = index_2[0] ? q[`OWL_STEP_SIZE(1)] : q[`OWL_STEP_SIZE(0)];
  assign first_row = (state == WEIGHTS);

  wire last_tile = tile_2[`OWL_TILE_LAST];
  wire frees_frame = tile_2[`OWL_TILE_FREES_FRAME];
  wire [7:0] passes1 = tile_0[`OWL_TILE_PASSES1];
  wire [2:0] starts = tile_2[`OWL_TILE_STARTS];
  reg [7:0] pass;
  assign waiting = (state == IDLE);

  always @(posedge clk) begin
    start <= 1'b0;
    release_frame <= 1'b0;
    returns_1 <= load_read && read_grant;
    returns_2 <= returns_1;
    {index_2, index_1} <= {index_1, index_0};
    if (load_read && read_grant) begin
      load_word <= load_word + {13'd0, whole || index_0[0]};
      load_left1 <= load_left1 - 10'd1;
      index_0 <= index_0 + 10'd1;
      if (load_left1 == 10'd0) load_read <= 1'b0;
    end

    case (state)
      BOOT:
      if (boot_done) begin
        state <= CONFIG;
        load_word <= 14'd0;
        load_left1 <= 10'd33;
        {index_0, load_read} <= {10'd0, 1'b1};
      end
      CONFIG: begin
        if (returns_2 && index_2 == 10'd0) frame_base <= q[`OWL_FRAME_BASE];
        if (load_over) begin
          state  <= IDLE;
          enable <= 1'b1;
        end
      end
      IDLE: begin
        load_word <= `OWL_FIRST_DESCRIPTOR;
        if (frame_full && !release_frame) begin
          state <= FETCH;
          load_left1 <= 10'd7;
          {index_0, load_read} <= {10'd0, 1'b1};
        end
      end
      FETCH: begin
        if (returns_2 && index_2[2:1] == 2'd0) tile_0 <= q[63:32];
        if (returns_2 && index_2[2:1] == 2'd1) tile_1 <= q[63:32];
        if (returns_2 && index_2[2:1] == 2'd2) tile_2 <= q[63:32];
        if (load_over) begin
          state <= WEIGHTS;
          load_left1 <= tile_1[`OWL_TILE_WEIGHTS1];
          {index_0, load_read} <= {10'd0, 1'b1};
          pass <= 8'd0;
        end
      end
      WEIGHTS:
      if (load_over) begin
        state <= PASS;
        load_left1 <= {7'd0, starts};
        {index_0, load_read} <= {10'd0, 1'b1};
      end
      PASS: begin
        if (returns_2 && index_2[2:0] == 3'd0) header <= q[63:16];
        if (load_over) begin
          start <= 1'b1;
          state <= RUN;
        end
      end
      RUN: if (!start && !run_busy) state <= NEXT;
      NEXT: begin
        pass <= pass + 8'd1;
        {index_0, load_read} <= {10'd0, 1'b1};
        load_left1 <= {7'd0, starts};
        if (pass != passes1) state <= PASS;
        else begin
          release_frame <= frees_frame;
          load_left1 <= 10'd7;
          if (!last_tile) state <= FETCH;
          else begin
            state <= IDLE;
            load_read <= 1'b0;
          end
        end
      end
      default: state <= BOOT;  // no state: read the configuration again
    endcase
    if (rst) begin
      state <= BOOT;
      enable <= 1'b0;
      {load_read, returns_1, returns_2} <= 3'd0;
    end
  end
endmodule

`default_nettype wire
