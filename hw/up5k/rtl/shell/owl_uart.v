// SPDX-License-Identifier: Apache-2.0
// Bytes over a UART: 8 data bits, no parity, one stop bit, DIVIDER clocks a bit. Bit 0 goes first.
// A received byte stays until it is taken, or until the next one has come.
`default_nettype none

module owl_uart #(
    parameter [9:0] DIVIDER = 10'd260
) (
    input  wire       clk,
    input  wire       rst,
    input  wire       rx,
    output wire       tx,
    output wire       open,      // somebody may be there: always, as far as a UART can tell
    output reg        rx_valid,
    input  wire       rx_take,
    output reg  [7:0] rx_data,
    output wire       tx_ready,
    input  wire       tx_valid,
    input  wire [7:0] tx_data
);
  assign open = 1'b1;

  // ---------------------------------------------------------------- receiver: samples in the middle of each bit
  reg [2:0] rx_sync;
  reg [9:0] rx_count;
  reg [3:0] rx_left;  // bits to come, the start bit and the stop bit included; 0: waiting for a start bit
  reg [7:0] rx_shift;
  always @(posedge clk) begin
    rx_sync  <= {rx_sync[1:0], rx};
    rx_count <= rx_count - 10'd1;
    if (rx_take) rx_valid <= 1'b0;
    if (rx_left == 4'd0) begin
      rx_count <= DIVIDER >> 1;
      if (!rx_sync[1] && rx_sync[2]) rx_left <= 4'd10;
    end else if (rx_count == 10'd0) begin
      rx_count <= DIVIDER - 10'd1;
      rx_left  <= rx_left - 4'd1;
      rx_shift <= {rx_sync[2], rx_shift[7:1]};
      if (rx_left == 4'd10 && rx_sync[2]) rx_left <= 4'd0;  // too short for a start bit
      if (rx_left == 4'd1 && rx_sync[2]) begin
        rx_valid <= 1'b1;
        rx_data  <= rx_shift;
      end
    end
    if (rst) {rx_left, rx_valid, rx_sync} <= 8'd0;
  end

  // ---------------------------------------------------------------- transmitter
  reg [9:0] tx_count;
  reg [3:0] tx_left;
  reg [8:0] tx_shift;
  reg tx_low;  // inverted, so that the line rests high from power-up on
  assign tx = !tx_low;
  assign tx_ready = (tx_left == 4'd0);
  always @(posedge clk) begin
    tx_count <= tx_count - 10'd1;
    if (tx_ready) begin
      tx_count <= DIVIDER - 10'd1;
      if (tx_valid) begin
        tx_left <= 4'd10;
        {tx_shift, tx_low} <= {1'b1, tx_data, 1'b1};
      end
    end else if (tx_count == 10'd0) begin
      tx_count <= DIVIDER - 10'd1;
      tx_left <= tx_left - 4'd1;
      {tx_shift, tx_low} <= {1'b1, tx_shift[8:1], !tx_shift[0]};
    end
    if (rst) {tx_left, tx_low} <= 5'd0;
  end
endmodule

`default_nettype wire
