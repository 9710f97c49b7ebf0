// SPDX-License-Identifier: Apache-2.0
// OR of each window of ROWS x COLUMNS pixels, where windows do not overlap: a memory holds what is known of the windows of a row.
// A pixel comes in WORDS words; what lies in no window is dropped.
`default_nettype none

module owl_pool #(
    parameter BITS = 8,  // of a word
    parameter WORDS = 4,
    parameter WIDTH = 8,  // of the map
    parameter HEIGHT = 8,
    parameter ROWS = 2,
    parameter COLUMNS = 2,
    parameter STRIDE_Y = 2,  // at least ROWS
    parameter STRIDE_X = 2   // at least COLUMNS
) (
    input  wire            clk,
    input  wire            rst,
    input  wire            s_valid,
    output wire            s_ready,
    input  wire [BITS-1:0] s_data,
    output reg             m_valid,
    input  wire            m_ready,
    output reg  [BITS-1:0] m_data
);
  localparam ACROSS = (WIDTH - COLUMNS) / STRIDE_X + 1;  // windows
  localparam DEPTH = ACROSS * WORDS;
  localparam ADDRESS_BITS = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam WORD_BITS = (WORDS > 1) ? $clog2(WORDS) : 1;
  wire step = s_valid && s_ready;
  assign s_ready = !m_valid || m_ready;

  wire [WORD_BITS-1:0] word;
  wire first_word, last_word;
  owl_modulo #(
      .COUNT(WORDS),
      .BITS (WORD_BITS)
  ) words (
      .clk  (clk),
      .rst  (rst),
      .step (step),
      .count(word),
      .first(first_word),
      .last (last_word)
  );
  wire next_x = step && last_word;
  wire last_x, covered_x, first_x, full_x, last_y, covered_y, first_y, full_y;
  owl_tiles #(
      .SIZE(WIDTH),
      .KERNEL(COLUMNS),
      .STRIDE(STRIDE_X)
  ) across (
      .clk(clk),
      .rst(rst),
      .step(next_x),
      .last(last_x),
      .covered(covered_x),
      .first(first_x),
      .full(full_x)
  );
  owl_tiles #(
      .SIZE(HEIGHT),
      .KERNEL(ROWS),
      .STRIDE(STRIDE_Y)
  ) down (
      .clk(clk),
      .rst(rst),
      .step(next_x && last_x),
      .last(last_y),
      .covered(covered_y),
      .first(first_y),
      .full(full_y)
  );
  wire unused = &{word, first_word, last_y};

  // The word's address: back to the window's first word after a pixel, until the window ends.
  reg [ADDRESS_BITS-1:0] address, base;
  wire [ADDRESS_BITS-1:0] after = address + 1'b1;
  wire [ADDRESS_BITS-1:0] follow = !covered_x ? address : (last_word && !full_x) ? base : after;
  wire restart = rst || (next_x && last_x);
  always @(posedge clk) begin
    if (step) address <= follow;
    if (step && covered_x && last_word && full_x) base <= after;
    if (restart) {address, base} <= {(2 * ADDRESS_BITS) {1'b0}};
  end

  wire [BITS-1:0] known;
  wire [BITS-1:0] joined = (first_x && first_y) ? s_data : s_data | known;
  generate
    if (DEPTH == 1) begin : memory
      reg [BITS-1:0] only;
      assign known = only;
      always @(posedge clk) if (step && covered_x && covered_y) only <= joined;
      wire one = &{address, base};
    end else begin : memory  // no block RAM, whose read alone takes 5.8 ns of the cycle in which the word is written back
      (* ram_style = "distributed" *) reg [BITS-1:0] windows[0:DEPTH-1];
      assign known = windows[address];
      always @(posedge clk) if (step && covered_x && covered_y) windows[address] <= joined;
    end
  endgenerate

  always @(posedge clk) begin
    if (s_ready) begin
      m_valid <= s_valid && covered_x && covered_y && full_x && full_y;
      m_data  <= joined;
    end
    if (rst) m_valid <= 1'b0;
  end
endmodule

`default_nettype wire
