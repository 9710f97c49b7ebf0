// SPDX-License-Identifier: Apache-2.0
// The conductor: reads the configuration once, then for every frame walks the tiles (descriptor, thresholds, weights) and their passes.
// A tile is what fits the weight memory; a pass is one walk over the map for up to 16 filters. Layout: hw/up5k/fields.py.
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
    output reg  [ 15:0] frame_positions1,
    output wire         table_valid,      // loaded words, each to its memory
    output wire         threshold_valid,
    output wire         weight_valid,
    output wire [  9:0] load_index,
    output wire         load_read,        // memory port
    output wire [ 13:0] load_word,
    input  wire         read_grant,
    input  wire [ 63:0] q,
    output reg          start,            // a pass begins
    input  wire         run_busy,
    output reg  [  7:0] first_weight,
    input  wire [  7:0] next_weight,
    output reg  [  7:0] threshold_addr,
    input  wire [  1:0] threshold_slot,
    input  wire [`OWL_PASS_BITS-1:0] threshold_q,
    output reg  [`OWL_TILE_BITS-1:0] tile,    // the descriptor
    output reg  [`OWL_PASS_BITS-1:0] header   // of the pass
);
  localparam [3:0] BOOT = 0, CONFIG = 1, IDLE = 2, FETCH = 3, THRESHOLDS = 4, WEIGHTS = 5, HEADER = 6, RUN = 7, NEXT = 8;
  (* fsm_encoding = "none" *) reg [3:0] state;  // as coded: synthesis would drop what codes that are no state do

  // ---------------------------------------------------------------- loader: `load_left1` + 1 words from `load_addr` on
  reg load_active, returns_1, returns_2;
  reg [13:0] load_addr;
  reg [9:0] load_left1, index_0, index_1, index_2;
  wire load_over = !load_active && !returns_1 && !returns_2;
  assign load_read = load_active;
  assign load_word = load_addr;
  assign load_index = index_2;
  assign table_valid = returns_2 && state == CONFIG && index_2 != 10'd0;
  assign threshold_valid = returns_2 && state == THRESHOLDS;
  assign weight_valid = returns_2 && state == WEIGHTS;

  // ---------------------------------------------------------------- descriptor
  wire [1:0] mode = tile[`OWL_TILE_MODE];
  wire last_tile = tile[`OWL_TILE_LAST];
  wire frees_frame = tile[`OWL_TILE_FREES_FRAME];
  wire [7:0] passes1 = tile[`OWL_TILE_PASSES1];
  reg [13:0] descriptor;
  reg [7:0] pass, pass_thresholds;
  reg [1:0] wait_count;
  wire [7:0] pass_step = (mode == `OWL_WIDTH_QUARTER) ? 8'd5 : (mode == `OWL_WIDTH_HALF) ? 8'd3 : 8'd2;  // a header and its slots
  assign waiting = (state == IDLE);

  always @(posedge clk) begin
    start <= 1'b0;
    release_frame <= 1'b0;
    returns_1 <= load_active && read_grant;
    returns_2 <= returns_1;
    {index_2, index_1} <= {index_1, index_0};
    if (load_active && read_grant) begin
      load_addr <= load_addr + 14'd1;
      load_left1 <= load_left1 - 10'd1;
      index_0 <= index_0 + 10'd1;
      if (load_left1 == 10'd0) load_active <= 1'b0;
    end
    threshold_addr <= (state == HEADER) ? pass_thresholds : pass_thresholds + 8'd1 + {6'd0, threshold_slot};

    case (state)
      BOOT:
      if (boot_done) begin
        state <= CONFIG;
        load_addr <= 14'd0;
        load_left1 <= 10'd16;
        {index_0, load_active} <= {10'd0, 1'b1};
      end
      CONFIG: begin
        if (returns_2 && index_2 == 10'd0) begin
          frame_base <= q[`OWL_FRAME_BASE];
          frame_positions1 <= q[`OWL_FRAME_POSITIONS1];
        end
        if (load_over) begin
          state  <= IDLE;
          enable <= 1'b1;
        end
      end
      IDLE: begin
        descriptor <= `OWL_FIRST_DESCRIPTOR;
        if (frame_full && !release_frame) begin
          state <= FETCH;
          load_addr <= `OWL_FIRST_DESCRIPTOR;
          load_left1 <= 10'd3;
          {index_0, load_active} <= {10'd0, 1'b1};
        end
      end
      FETCH: begin
        if (returns_2) begin
          case (index_2[1:0])
            2'd0: tile[63:0] <= q;
            2'd1: tile[127:64] <= q;
            2'd2: tile[191:128] <= q;
            2'd3: tile[`OWL_TILE_BITS-1:192] <= q[`OWL_TILE_BITS-193:0];
          endcase
        end
        if (load_over) begin
          state <= THRESHOLDS;
          descriptor <= descriptor + 14'd4;
          load_addr <= tile[`OWL_TILE_THRESHOLDS_AT];
          load_left1 <= {2'd0, tile[`OWL_TILE_THRESHOLDS1]};
          {index_0, load_active} <= {10'd0, 1'b1};
        end
      end
      THRESHOLDS:
      if (load_over) begin
        state <= WEIGHTS;
        load_addr <= tile[`OWL_TILE_WEIGHTS_AT];
        load_left1 <= tile[`OWL_TILE_WEIGHTS1];
        {index_0, load_active} <= {10'd0, 1'b1};
        {pass, pass_thresholds, first_weight, wait_count} <= 26'd0;
      end
      WEIGHTS: if (load_over) state <= HEADER;
      HEADER: begin  // the address, the memory and its output take a cycle each
        wait_count <= wait_count + 2'd1;
        if (wait_count == 2'd2) begin
          header <= threshold_q;
          start  <= 1'b1;
          state  <= RUN;
        end
      end
      RUN: if (!start && !run_busy) state <= NEXT;
      NEXT: begin
        pass <= pass + 8'd1;
        pass_thresholds <= pass_thresholds + pass_step;
        first_weight <= next_weight;
        wait_count <= 2'd0;
        if (pass != passes1) state <= HEADER;
        else begin
          release_frame <= frees_frame;
          if (last_tile) state <= IDLE;
          else begin
            state <= FETCH;
            load_addr <= descriptor;
            load_left1 <= 10'd3;
            {index_0, load_active} <= {10'd0, 1'b1};
          end
        end
      end
      default: state <= BOOT;  // no state: read the configuration again
    endcase
    if (rst) begin
      state <= BOOT;
      enable <= 1'b0;
      {load_active, returns_1, returns_2} <= 3'd0;
    end
  end
endmodule

`default_nettype wire
