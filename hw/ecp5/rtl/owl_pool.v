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
    parameter STRIDE_X = 2,  // at least COLUMNS
    parameter BLOCK = 0  // block RAM, with WORDS of 4 or more
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
  always @(posedge clk) begin
    if (step && covered_x) begin
      address <= after;
      if (last_word) begin
        if (full_x) base <= after;
        else address <= base;
      end
    end
    if (rst || (next_x && last_x)) {address, base} <= {(2 * ADDRESS_BITS) {1'b0}};
  end

  wire begins = first_x && first_y, keeps = covered_x && covered_y, ends = keeps && full_x && full_y;
  generate
    if (BLOCK != 0) begin : memory
      // A word is read, joined and written three steps later, before the same word of the next pixel is read.
      (* ram_style = "block", no_rw_check *) reg [BITS-1:0] windows[0:DEPTH-1];
      reg [BITS-1:0] known_1, known_2, word_1, word_2, joined;
      reg [ADDRESS_BITS-1:0] address_1, address_2, address_3;
      reg [2:0] valid_r, begins_r, keeps_r, ends_r;
      always @(posedge clk) begin
        if (s_ready) begin
          known_1 <= windows[address];
          {known_2, word_2, word_1} <= {known_1, word_1, s_data};
          {address_3, address_2, address_1} <= {address_2, address_1, address};
          valid_r <= {valid_r[1:0], s_valid};
          begins_r <= {begins_r[1:0], begins};
          keeps_r <= {keeps_r[1:0], keeps};
          ends_r <= {ends_r[1:0], ends};
          joined <= begins_r[1] ? word_2 : word_2 | known_2;
          if (valid_r[2] && keeps_r[2]) windows[address_3] <= joined;
          m_valid <= valid_r[2] && ends_r[2];
          m_data <= joined;
        end
        if (rst) {m_valid, valid_r} <= 4'b0000;
      end
      wire unused_begins = begins_r[2];
    end else begin : memory
      wire [BITS-1:0] known;
      wire [BITS-1:0] joined = begins ? s_data : s_data | known;
      if (DEPTH == 1) begin : only
        reg [BITS-1:0] window;
        assign known = window;
        always @(posedge clk) if (step && keeps) window <= joined;
        wire one = &{address, base};
      end else begin : many
        (* ram_style = "distributed" *) reg [BITS-1:0] windows[0:DEPTH-1];
        assign known = windows[address];
        always @(posedge clk) if (step && keeps) windows[address] <= joined;
      end
      always @(posedge clk) begin
        if (s_ready) begin
          m_valid <= s_valid && ends;
          m_data  <= joined;
        end
        if (rst) m_valid <= 1'b0;
      end
    end
  endgenerate
endmodule

`default_nettype wire
