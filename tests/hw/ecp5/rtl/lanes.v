// SPDX-License-Identifier: Apache-2.0
// Lanes of many widths beside the sum that each should hold; `bad` has a bit for each lane that differs.
`default_nettype none

module lane_check #(
    parameter N = 5,
    parameter STAGES = 2
) (
    input wire clk,
    input wire add,
    input wire more,
    input wire [143:0] x,
    input wire [143:0] w,
    input wire [12:0] init,
    output wire bad
);
  wire [12:0] total;
  reg [STAGES-1:0] add_late, more_late;
  reg [12:0] init_late[0:STAGES-1];
  reg [12:0] count_late[0:STAGES-1];
  reg [12:0] expected;
  integer k;
  owl_lane #(.N(N), .BITS(13), .STAGES(STAGES)) lane (
      .clk(clk), .x(x[N-1:0]), .w(w[N-1:0]), .add(add_late[STAGES-1]), .more(more_late[STAGES-1]), .init(init_late[STAGES-1]), .total(total)
  );
  always @(posedge clk) begin
    add_late  <= STAGES'({add_late, add});
    more_late <= STAGES'({more_late, more});
    init_late[0] <= init;
    count_late[0] <= 13'($countones(x[N-1:0] ^ w[N-1:0]));
    for (k = 1; k < STAGES; k = k + 1) begin
      init_late[k] <= init_late[k-1];
      count_late[k] <= count_late[k-1];
    end
    if (add_late[STAGES-1]) expected <= count_late[STAGES-1] + (more_late[STAGES-1] ? expected : init_late[STAGES-1]);
  end
  assign bad = total != expected;
endmodule

module lanes #(
    parameter LANES = 16,  // of 1 to LANES products
    parameter WIDE = 0     // 1: and of 72, 143 and 144
) (
    input wire clk,
    input wire add,
    input wire more,
    input wire [143:0] x,
    input wire [143:0] w,
    input wire [12:0] init,
    output wire [LANES+2:0] bad
);
  genvar n;
  generate
    for (n = 0; n < LANES; n = n + 1) begin : g_lane
      lane_check #(.N(n + 1), .STAGES(1 + n % 5)) one (.clk(clk), .add(add), .more(more), .x(x), .w(w), .init(init), .bad(bad[n]));
    end
    if (WIDE == 1) begin : g_wide
      lane_check #(.N(72), .STAGES(3)) a (.clk(clk), .add(add), .more(more), .x(x), .w(w), .init(init), .bad(bad[LANES]));
      lane_check #(.N(143), .STAGES(9)) b (.clk(clk), .add(add), .more(more), .x(x), .w(w), .init(init), .bad(bad[LANES+1]));
      lane_check #(.N(144), .STAGES(4)) c (.clk(clk), .add(add), .more(more), .x(x), .w(w), .init(init), .bad(bad[LANES+2]));
    end else begin : g_narrow
      assign bad[LANES+2:LANES] = 3'b000;
    end
  endgenerate
endmodule

`default_nettype wire
