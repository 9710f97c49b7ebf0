// SPDX-License-Identifier: Apache-2.0
// The chip of a board with an ECP5: the dataflow circuit of a network, and around it the UP5K boards' control processor with its
// program, so that the host link is theirs. The processor runs at the board's oscillator, the circuit at a clock of its own.
// Macros: OWL_UART_DIVIDER, OWL_PIXELS, OWL_SCORE_BYTES, OWL_FRAME_AT, OWL_SEED, OWL_LEDS_LOW where an LED is lit by a low pin,
// and those of owl_core_clock. Modules written for each board or network: owl_cpu_memory, owl_record_memory, owl_dataflow.
`default_nettype none

module owl_chip (
    input  wire clk,
`ifdef OWL_SIM
    input  wire core_clk,
`endif
    input  wire uart_rx,
    output wire uart_tx,
`ifdef OWL_PIN_WAKE
    output wire wake,
`endif
`ifdef OWL_PIN_LED_OK
    output wire led_ok,
`endif
`ifdef OWL_PIN_KEEP_HIGH
    output wire keep_high,  // what the board wants at 1
`endif
    output wire led_error
);
`ifdef OWL_PIN_KEEP_HIGH
  assign keep_high = 1'b1;
`endif

  // ---------------------------------------------------------------- clocks; reset until the PLL has locked and block RAM is there
  wire core, locked;
  owl_core_clock core_clock (
      .clk_in(clk),
`ifdef OWL_SIM
      .sim_clk(core_clk),
`else
      .sim_clk(1'b0),
`endif
      .clk(core),
      .locked(locked)
  );
  reg [8:0] start_count;
  reg [1:0] locked_sync;
  initial {start_count, locked_sync} = 11'd0;
  wire rst = !start_count[8];
  always @(posedge clk) begin
    locked_sync <= {locked_sync[0], locked};
    if (!locked_sync[1]) start_count <= 9'd0;
    else if (rst) start_count <= start_count + 9'd1;
  end

  // ---------------------------------------------------------------- control processor and its ports
  localparam [2:0] OUT_HOST = 0, OUT_PIXEL = 1, OUT_FLASH = 2, OUT_PINS = 3;
  localparam [2:0] IN_STATUS = 0, IN_HOST = 1, IN_SCORE = 2, IN_FLASH = 3, IN_EVENTS = 4;
  wire memory_write, port_read, port_write;
  wire [10:0] read_address;
  wire [8:0] write_address;
  wire [15:0] memory_d, memory_q;
  /* verilator lint_off UNUSEDSIGNAL */
  wire [15:0] port_out;  // the upper byte: only with a camera
  /* verilator lint_on UNUSEDSIGNAL */
  wire [2:0] port;
  wire [3:0] number;
  reg [7:0] port_in;
  owl_cpu_memory cpu_memory (
      .clk(clk),
      .read_address(read_address),
      .q(memory_q),
      .write(memory_write),
      .write_address(write_address),
      .d(memory_d)
  );
  owl_cpu cpu (
      .clk(clk),
      .rst(rst),
      .read_address(read_address),
      .q(memory_q),
      .write(memory_write),
      .write_address(write_address),
      .d(memory_d),
      .port(port),
      .number(number),
      .port_read(port_read),
      .port_write(port_write),
      .port_in(port_in),
      .port_out(port_out)
  );

  /* verilator lint_off UNUSEDSIGNAL */
  reg [7:0] pins;  // each set or cleared by its number; those of the camera lead nowhere
  /* verilator lint_on UNUSEDSIGNAL */
  always @(posedge clk) begin
    if (port_write && port == OUT_PINS) pins[number[2:0]] <= number[3];
    if (rst) pins <= 8'd0;
  end
  wire pin_flash_select = pins[0], pin_engine_reset = pins[1];
`ifdef OWL_LEDS_LOW
  localparam LED_LOW = 1'b1;
`else
  localparam LED_LOW = 1'b0;
`endif
  assign led_error = pins[4] ^ LED_LOW;
`ifdef OWL_PIN_LED_OK
  assign led_ok = pins[5] ^ LED_LOW;
`endif
`ifdef OWL_PIN_WAKE
  assign wake = pins[3];
`endif

  // ---------------------------------------------------------------- time: a tick every 2^15 clocks
  reg [14:0] tick_count;
  reg tick;  // until the processor has read it
  always @(posedge clk) begin
    tick_count <= tick_count + 15'd1;
    if (port_read && port == IN_EVENTS) tick <= 1'b0;
    if (tick_count == 15'd0) tick <= 1'b1;
    if (rst) {tick_count, tick} <= 16'd2;
  end

  // ---------------------------------------------------------------- host
  wire host_open, host_rx_valid, host_tx_ready;
  wire [7:0] host_rx_data;
  owl_uart #(
      .DIVIDER(`OWL_UART_DIVIDER)
  ) host (
      .clk(clk),
      .rst(rst),
      .rx(uart_rx),
      .tx(uart_tx),
      .open(host_open),
      .rx_valid(host_rx_valid),
      .rx_take(port_read && port == IN_HOST),
      .rx_data(host_rx_data),
      .tx_ready(host_tx_ready),
      .tx_valid(port_write && port == OUT_HOST),
      .tx_data(port_out[7:0])
  );

  // ---------------------------------------------------------------- the record of the network, in place of a flash
  wire [7:0] record_q;
  owl_record #(
      .FRAME(`OWL_FRAME_AT),
      .SEED(`OWL_SEED)
  ) record (
      .clk(clk),
      .select(pin_flash_select),
      .start(port_write && port == OUT_FLASH),
      .data(port_out[7:0]),
      .q(record_q)
  );

  // ---------------------------------------------------------------- the circuit
  wire px_ready, score_valid, idle;
  wire [7:0] score_data;
  reg px_valid;
  reg [7:0] px_data;
  always @(posedge clk) begin
    if (px_ready) px_valid <= 1'b0;
    if (port_write && port == OUT_PIXEL) begin
      px_valid <= 1'b1;
      px_data  <= port_out[7:0];
    end
    if (rst || pin_engine_reset) px_valid <= 1'b0;
  end
  owl_core #(
      .PIXELS(`OWL_PIXELS),
      .SCORE_BYTES(`OWL_SCORE_BYTES)
  ) circuit (
      .clk(clk),
      .rst(rst || pin_engine_reset),
      .core_clk(core),
      .px_valid(px_valid),
      .px_ready(px_ready),
      .px_data(px_data),
      .score_valid(score_valid),
      .score_ready(port_read && port == IN_SCORE),
      .score_data(score_data),
      .idle(idle)
  );

  // Of the camera's bits, the flash's and the boot's errors none can be.
  wire [8:0] status = {host_open, px_valid, 2'b00, idle, 1'b0, score_valid, host_tx_ready, host_rx_valid};
  always @*
    case (port)
      IN_STATUS: port_in = {7'd0, number[3] ? status[8] : status[{1'b0, number[2:0]}]};
      IN_HOST:   port_in = host_rx_data;
      IN_SCORE:  port_in = score_data;
      IN_FLASH:  port_in = record_q;
      IN_EVENTS: port_in = {2'd0, tick, 5'd0};
      default:   port_in = 8'd0;
    endcase
endmodule

`default_nettype wire
