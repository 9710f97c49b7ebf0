// SPDX-License-Identifier: Apache-2.0
// A stream FIFO: DEPTH words in a memory, LUT RAM or, with BLOCK, block RAM, and one or two in the registers behind it.
// `s_ready` and `m_valid` are registers: no path leads through it.
`default_nettype none

module owl_fifo #(
    parameter WIDTH = 8,
    parameter DEPTH = 16,  // 2 or more
    parameter BLOCK = 0
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             s_valid,
    output wire             s_ready,
    input  wire [WIDTH-1:0] s_data,
    output reg              m_valid,
    input  wire             m_ready,
    output reg  [WIDTH-1:0] m_data
);
  localparam BITS = $clog2(DEPTH);
  localparam LAST = DEPTH - 1;
  reg [BITS-1:0] put, take;
  reg [BITS:0] level;
  reg full, filled;  // level == DEPTH, level != 0
  wire push = s_valid && s_ready;
  wire fetch;
  assign s_ready = !full;

  generate
    if (BLOCK != 0) begin : memory
      (* ram_style = "block", no_rw_check *) reg [WIDTH-1:0] words[0:DEPTH-1];
      reg [WIDTH-1:0] word;  // the block RAM is slow: a register behind it
      reg read;
      wire move = !m_valid || m_ready;
      assign fetch = filled && (!read || move);
      always @(posedge clk) begin
        if (push) words[put] <= s_data;
        if (fetch) word <= words[take];
        if (move) m_data <= word;
        read <= !rst && (filled || (read && !move));
        m_valid <= !rst && (read || (m_valid && !m_ready));
      end
    end else begin : memory
      (* ram_style = "distributed" *) reg [WIDTH-1:0] words[0:DEPTH-1];
      assign fetch = filled && (!m_valid || m_ready);
      always @(posedge clk) begin
        if (push) words[put] <= s_data;
        if (fetch) m_data <= words[take];
        m_valid <= !rst && (filled || (m_valid && !m_ready));
      end
    end
  endgenerate

  always @(posedge clk) begin
    if (push) put <= (put == LAST[BITS-1:0]) ? {BITS{1'b0}} : put + 1'b1;
    if (fetch) take <= (take == LAST[BITS-1:0]) ? {BITS{1'b0}} : take + 1'b1;
    if (push && !fetch) begin
      level  <= level + 1'b1;
      full   <= level == LAST[BITS:0];
      filled <= 1'b1;
    end
    if (fetch && !push) begin
      level  <= level - 1'b1;
      full   <= 1'b0;
      filled <= level != {{BITS{1'b0}}, 1'b1};
    end
    if (rst) begin
      put <= {BITS{1'b0}};
      take <= {BITS{1'b0}};
      level <= {(BITS + 1) {1'b0}};
      full <= 1'b0;
      filled <= 1'b0;
    end
  end
endmodule

`default_nettype wire
