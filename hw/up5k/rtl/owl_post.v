// SPDX-License-Identifier: Apache-2.0
// From what the filters of a window reach to output bits: ORs over a pool, and writes nibbles of four channels.
// A pass has up to four slots, one a nibble; slot j is sum j of the lanes. The left window's slots go first, then the right one's.
`include "owl_fields.vh"
`default_nettype none

module owl_post (
    input  wire        clk,
    input  wire        rst,
    input  wire        start,       // a pass begins
    input  wire [15:0] left,        // of a window: bit 4j+k for slot j and filter k,
    input  wire [15:0] right,       //   and with `partner` of its right neighbour
    input  wire        done,        // a window is complete; at least four cycles apart, eight after one with partner
    input  wire        partner,
    input  wire        pair,
    input  wire        pool,
    input  wire        split,       // slots 0 and 2 are the right set's slots 1 and 3
    input  wire [15:0] base,        // first output pixel, and
    input  wire [ 8:0] step,        //   quarters from one to the next
    input  wire [63:16] header,     // of the pass: its slots
    input  wire        by_words,    // a single slot is used
    input  wire        patient,     // a pool's only write may wait: a cycle without a read comes before the next one
    output wire        wr_next,     // wr_valid in the next cycle, and it cannot wait
    output reg         wr_valid,
    input  wire        wr_grant,
    output reg  [15:0] wr_quarter,
    output reg  [ 1:0] wr_nibble,
    output wire        wr_quad,     // all of a quarter
    output reg         wr_fill,
    output reg  [15:0] wr_data,
    output wire        busy
);
  // ---------------------------------------------------------------- A: the OR over the pool; B: write
  reg a_valid, a_first, a_last, a_partner, a_right, b_valid;
  reg [1:0] a_slot, b_slot;
  reg [15:0] pooled;
  reg [15:0] pixel;  // where the output pixel begins
  reg [1:0] corner;  // of the pool
  wire [15:0] side = a_right ? right : left;
  wire [15:0] own = {side[15:12], split ? right[15:12] : side[11:8], side[7:4], split ? right[7:4] : side[3:0]};
  /* verilator lint_off UNUSEDSIGNAL */
  wire [`OWL_SLOT_BITS-1:0] slot_1 = header[`OWL_PASS_SLOT(1)];
  /* verilator lint_on UNUSEDSIGNAL */
  assign wr_quad = quad;
  wire quad = slot_1[`OWL_SLOT_FILL] && !slot_1[`OWL_SLOT_WRITE];  // all four slots in one write, where slot 0 says
  wire [1:0] b_place = quad ? 2'd0 : b_slot;
  wire [`OWL_SLOT_BITS-1:0] b_where = header[`OWL_PASS_SLOT(b_place)];
  assign busy = a_valid | b_valid | wr_valid;
  wire b_writes = b_valid && (quad ? b_slot == 2'd3 : b_where[`OWL_SLOT_WRITE]);
  assign wr_next = b_writes && !(patient && (quad || by_words));

  always @(posedge clk) begin
    if (done) begin
      {a_valid, a_right, a_slot} <= 4'b1000;
      a_partner <= partner;
      a_first <= !pool || corner == 2'd0;
      a_last <= !pool || (pair ? corner[1] : corner == 2'd3);
      corner <= corner + {pair, !pair};
    end else if (a_valid) begin
      a_slot <= a_slot + 2'd1;
      if (a_slot == 2'd3) begin
        a_valid <= a_partner && !a_right;
        a_right <= 1'b1;
        a_first <= !pool;
      end
    end
    // A
    if (a_valid && a_slot == 2'd0) pooled <= (a_first ? 16'd0 : pooled) | own;
    b_valid <= a_valid && a_last && (!pool || a_right == a_partner);
    b_slot <= a_slot;
    // B
    wr_valid <= b_writes || (wr_valid && !wr_grant);
    if (b_writes) begin
      wr_quarter <= pixel + {8'd0, b_where[`OWL_SLOT_QUARTER]};
      wr_nibble <= b_where[`OWL_SLOT_NIBBLE];
      wr_fill <= b_where[`OWL_SLOT_FILL];
      wr_data <= quad ? pooled : {4{pooled[4*b_slot+:4]}};
    end
    if (b_valid && b_slot == 2'd3) pixel <= pixel + {7'd0, step};
    if (start) begin
      pixel  <= base;
      corner <= 2'd0;
    end
    if (rst) {a_valid, b_valid, wr_valid} <= 3'd0;
  end
endmodule

`default_nettype wire
