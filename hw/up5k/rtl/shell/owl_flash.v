// SPDX-License-Identifier: Apache-2.0
// Exchanges bytes with the configuration flash for the control processor: SPI mode 0, half of clk, most significant bit first.
// The boot circuit has the same pins first; its select line is high and its clock low once it has ended.
`default_nettype none

module owl_flash (
    input  wire       clk,
    input  wire       rst,
    input  wire       start,
    input  wire [7:0] data,
    output wire       busy,
    output reg  [7:0] q,      // what has come, when not busy
    output reg        sck,
    output wire       mosi,
    input  wire       miso
);
  reg [2:0] left;
  reg active, miso_was;  // miso as it stood when the clock rose
  assign busy = active;
  assign mosi = q[7];
  always @(posedge clk) begin
    miso_was <= miso;
    if (start) begin
      {active, left} <= 4'b1111;
      q <= data;
    end else if (active) begin
      sck <= !sck;
      if (sck) begin
        q <= {q[6:0], miso_was};
        left <= left - 3'd1;
        if (left == 3'd0) active <= 1'b0;
      end
    end
    if (rst) {active, sck} <= 2'b00;
  end
endmodule

`default_nettype wire
