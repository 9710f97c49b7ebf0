// SPDX-License-Identifier: Apache-2.0
// A FIFO of 2^BITS words whose memory is read synchronously, so that it becomes a block RAM, and one more word at its output.
`default_nettype none

module owl_fifo #(
    parameter integer WIDTH = 8,
    parameter integer BITS  = 4
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [WIDTH-1:0] in_data,
    output reg              out_valid,
    input  wire             out_ready,
    output reg  [WIDTH-1:0] out_data,
    output wire [   BITS:0] free        // words that it takes for certain
);
  (* no_rw_check *) reg [WIDTH-1:0] cells[0:(1<<BITS)-1];
  reg [BITS-1:0] head, tail;
  reg [BITS:0] count;  // of words in the memory
  wire writes = in_valid && in_ready;
  wire reads = (count != {(BITS + 1) {1'b0}}) && (!out_valid || out_ready);
  localparam [BITS-1:0] ONE = 1;
  assign free = {1'b1, {BITS{1'b0}}} - count;
  assign in_ready = !count[BITS];
  always @(posedge clk) begin
    if (writes) cells[head] <= in_data;
    if (reads) out_data <= cells[tail];
  end
  always @(posedge clk) begin
    if (writes) head <= head + ONE;
    if (reads) tail <= tail + ONE;
    count <= count + {{BITS{1'b0}}, writes} - {{BITS{1'b0}}, reads};
    out_valid <= reads || (out_valid && !out_ready);
    if (rst) begin
      {head, tail} <= {(2 * BITS) {1'b0}};
      count <= {(BITS + 1) {1'b0}};
      out_valid <= 1'b0;
    end
  end
endmodule

`default_nettype wire
