// SPDX-License-Identifier: Apache-2.0
// Bytes from one clock to another, one at a time: a toggle goes over through two flip-flops while the byte stands still, and comes
// back as the acknowledgement. Any two clocks will do. Both sides are reset together: the receiver's reset ends before the sender's.
`default_nettype none

module owl_crossing (
    input  wire       from_clk,
    input  wire       from_rst,
    input  wire       from_valid,
    output wire       from_ready,
    input  wire [7:0] from_data,
    input  wire       to_clk,
    input  wire       to_rst,
    output wire       to_valid,
    input  wire       to_ready,
    output wire [7:0] to_data
);
  reg sent, taken;  // toggles
  reg [1:0] sent_sync, taken_sync;
  reg [7:0] data;
  assign from_ready = (sent == taken_sync[1]);
  assign to_valid = (sent_sync[1] != taken);
  assign to_data = data;
  always @(posedge from_clk) begin
    taken_sync <= {taken_sync[0], taken};
    if (from_valid && from_ready) begin
      sent <= !sent;
      data <= from_data;
    end
    if (from_rst) {sent, taken_sync} <= 3'd0;
  end
  always @(posedge to_clk) begin
    sent_sync <= {sent_sync[0], sent};
    if (to_valid && to_ready) taken <= sent_sync[1];
    if (to_rst) {taken, sent_sync} <= 3'd0;
  end
endmodule

`default_nettype wire
