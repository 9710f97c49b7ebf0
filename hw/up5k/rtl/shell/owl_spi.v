// SPDX-License-Identifier: Apache-2.0
// Bytes over SPI, this side being the device: mode 0, most significant bit first, a clock of at most an eighth of clk.
// Every byte that the host clocks out brings one in. Zero is sent when there is nothing to send; what waits is lost when ss_n rises.
`default_nettype none

module owl_spi (
    input  wire       clk,
    input  wire       rst,
    input  wire       sck,
    input  wire       ss_n,
    input  wire       mosi,
    output wire       miso,
    output wire       open,      // the host has selected this device
    output reg        rx_valid,
    input  wire       rx_take,
    output reg  [7:0] rx_data,
    output wire       tx_ready,
    input  wire       tx_valid,
    input  wire [7:0] tx_data
);
  reg [2:0] sck_sync;
  reg [1:0] ss_sync, mosi_sync;
  reg [2:0] bits;  // of the byte that have come
  reg [6:0] rx_shift;
  reg [7:0] tx_shift, waiting;
  reg have;  // a byte waits
  wire rise = sck_sync[1] && !sck_sync[2];
  wire fall = !sck_sync[1] && sck_sync[2];
  assign open = !ss_sync[1];
  assign miso = tx_shift[7];
  assign tx_ready = !have;
  always @(posedge clk) begin
    sck_sync  <= {sck_sync[1:0], sck};
    ss_sync   <= {ss_sync[0], ss_n};
    mosi_sync <= {mosi_sync[0], mosi};
    if (rx_take) rx_valid <= 1'b0;
    if (tx_valid) {have, waiting} <= {1'b1, tx_data};
    if (rise) begin
      rx_shift <= {rx_shift[5:0], mosi_sync[1]};
      bits <= bits + 3'd1;
      if (bits == 3'd7) {rx_valid, rx_data} <= {1'b1, rx_shift, mosi_sync[1]};
    end
    if (fall) begin
      tx_shift <= {tx_shift[6:0], 1'b0};
      if (bits == 3'd0) begin
        tx_shift <= have ? waiting : 8'd0;
        have <= 1'b0;
      end
    end
    if (ss_sync[1]) begin
      bits <= 3'd0;
      tx_shift <= 8'd0;
      have <= 1'b0;
    end
    if (rst) {rx_valid, have, ss_sync} <= 4'b0011;
  end
endmodule

`default_nettype wire
