// SPDX-License-Identifier: Apache-2.0
// The chip of a board: clock, engine, camera, host link and the control processor that joins them.
// What the board has comes as macros, see hw/up5k/bitstream/board_macros.py; the processor's memory, owl_cpu_memory, is
// written by hw/up5k/firmware/build.py. Pins are those of the board's file.
`default_nettype none

module owl_chip (
`ifndef OWL_CLOCK_OSCILLATOR
    input  wire clk,
`elsif OWL_SIM
    input  wire clk,
`endif
`ifdef OWL_HOST_SPI
    input  wire spi_sck,
    input  wire spi_ss_n,
    input  wire spi_mosi,
    output wire spi_miso,
`else
    input  wire uart_rx,
    output wire uart_tx,
`endif
`ifdef OWL_CAMERA
`ifdef OWL_CAMERA_HM01B0
    input  wire [3:0] cam_d,
`else
    input  wire [7:0] cam_d,
`endif
    input  wire cam_pclk,
    input  wire cam_vsync,
    input  wire cam_href,
    inout  wire cam_scl,
    inout  wire cam_sda,
`ifdef OWL_PIN_CAM_XCLK
    output wire cam_xclk,
`endif
`ifdef OWL_PIN_CAM_TRIG
    output wire cam_trig,
`endif
`ifdef OWL_PIN_CAM_RESET_N
    output wire cam_reset_n,
`endif
`ifdef OWL_PIN_CAM_PWDN
    output wire cam_pwdn,
`endif
`endif
    output wire led_error,
    output wire led_ok,
    output wire wake,
    output wire flash_cs_n,
    output wire flash_sck,
    output wire flash_mosi,
    input  wire flash_miso
);
  wire clock, rst;
  owl_clock clock_source (
`ifdef OWL_CLOCK_OSCILLATOR
`ifdef OWL_SIM
      .clk_in(clk),
`else
      .clk_in(1'b0),
`endif
`else
      .clk_in(clk),
`endif
      .clk(clock),
      .rst(rst)
  );

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
      .clk(clock),
      .read_address(read_address),
      .q(memory_q),
      .write(memory_write),
      .write_address(write_address),
      .d(memory_d)
  );
  owl_cpu cpu (
      .clk(clock),
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

  // Pins, each set or cleared by its number.
  reg [7:0] pins;
  always @(posedge clock) begin
    if (port_write && port == OUT_PINS) pins[number[2:0]] <= number[3];
    if (rst) pins <= 8'd0;
  end
  wire pin_flash_select = pins[0], pin_engine_reset = pins[1], pin_wake = pins[3], pin_led_error = pins[4], pin_led_ok = pins[5];
  /* verilator lint_off UNUSEDSIGNAL */
  wire pin_camera_run = pins[2], pin_scl_low = pins[6], pin_sda_low = pins[7];  // not every board has a camera
  /* verilator lint_on UNUSEDSIGNAL */
  assign wake = pin_wake;
`ifdef OWL_LEDS_LOW
  localparam LED_LOW = 1'b1;
`else
  localparam LED_LOW = 1'b0;
`endif
  assign led_error = pin_led_error ^ LED_LOW;
  assign led_ok = pin_led_ok ^ LED_LOW;

  // ---------------------------------------------------------------- time: a tick every 2^15 clocks
  reg [14:0] tick_count;
  reg tick;  // until the processor has read it
  always @(posedge clock) begin
    tick_count <= tick_count + 15'd1;
    if (port_read && port == IN_EVENTS) tick <= 1'b0;
    if (tick_count == 15'd0) tick <= 1'b1;
    if (rst) {tick_count, tick} <= 16'd2;
  end

  // ---------------------------------------------------------------- host
  wire host_open, host_rx_valid, host_tx_ready;
  wire [7:0] host_rx_data;
`ifdef OWL_HOST_SPI
  owl_spi host (
      .sck(spi_sck),
      .ss_n(spi_ss_n),
      .mosi(spi_mosi),
      .miso(spi_miso),
`else
  owl_uart #(
      .DIVIDER(`OWL_UART_DIVIDER)
  ) host (
      .rx(uart_rx),
      .tx(uart_tx),
`endif
      .clk(clock),
      .rst(rst),
      .open(host_open),
      .rx_valid(host_rx_valid),
      .rx_take(port_read && port == IN_HOST),
      .rx_data(host_rx_data),
      .tx_ready(host_tx_ready),
      .tx_valid(port_write && port == OUT_HOST),
      .tx_data(port_out[7:0])
  );

  // ---------------------------------------------------------------- flash: the boot circuit's lines rest at 1, 0 once it has ended
  wire boot_cs_n, boot_sck, boot_mosi, byte_sck, byte_mosi, flash_busy;
  wire [7:0] flash_q;
  owl_flash flash (
      .clk(clock),
      .rst(rst),
      .start(port_write && port == OUT_FLASH),
      .data(port_out[7:0]),
      .busy(flash_busy),
      .q(flash_q),
      .sck(byte_sck),
      .mosi(byte_mosi),
      .miso(flash_miso)
  );
  assign flash_cs_n = rst || (boot_cs_n && !pin_flash_select);
  assign flash_sck = boot_sck || byte_sck;
  assign flash_mosi = pin_flash_select ? byte_mosi : boot_mosi;

  // ---------------------------------------------------------------- camera
  wire mean_valid, camera_active, sda, camera_whole, camera_skipped, camera_broken, camera_late;
  wire [7:0] mean;
  reg seen, skipped, broken, lost;  // each until the processor has read it
  wire px_lost;
`ifdef OWL_CAMERA
  wire frame_start, line_start, line_end, pixel_valid;
  wire [7:0] pixel;
  owl_camera #(
`ifdef OWL_CAMERA_HM01B0
      .NIBBLES(1)
`else
      .NIBBLES(0)
`endif
  ) camera (
      .clk(clock),
      .rst(rst),
      .pclk(cam_pclk),
      .vsync(cam_vsync),
      .href(cam_href),
      .d(cam_d),
      .frame_start(frame_start),
      .line_start(line_start),
      .line_end(line_end),
      .pixel_valid(pixel_valid),
      .pixel(pixel)
  );
  owl_boxes boxes (
      .clk(clock),
      .rst(rst || pin_engine_reset),
      .setting_valid(port_write && port == 3'd4),
      .setting(port_out),
      .run(pin_camera_run),
      .free(free && !px_valid),
      .frame_start(frame_start),
      .line_start(line_start),
      .line_end(line_end),
      .pixel_valid(pixel_valid),
      .pixel(pixel),
      .active(camera_active),
      .whole(camera_whole),
      .skipped(camera_skipped),
      .broken(camera_broken),
      .late(camera_late),
      .mean_valid(mean_valid),
      .mean(mean)
  );
  assign cam_scl = pin_scl_low ? 1'b0 : 1'bz;
  assign cam_sda = pin_sda_low ? 1'b0 : 1'bz;
  assign sda = cam_sda;
`ifdef OWL_PIN_CAM_XCLK
  reg half_clock;
  initial half_clock = 1'b0;
  always @(posedge clock) half_clock <= !half_clock;
  assign cam_xclk = half_clock;
`endif
`ifdef OWL_PIN_CAM_TRIG
  assign cam_trig = 1'b0;
`endif
`ifdef OWL_PIN_CAM_RESET_N
  assign cam_reset_n = !rst;
`endif
`ifdef OWL_PIN_CAM_PWDN
  assign cam_pwdn = 1'b0;
`endif
`else
  assign {mean_valid, camera_active, sda, camera_whole, camera_skipped, camera_broken, camera_late, mean} = 15'd0;
`endif
  always @(posedge clock) begin
    if (port_read && port == IN_EVENTS) {seen, skipped, broken, lost} <= 4'd0;
    if (camera_whole || camera_skipped) seen <= 1'b1;
    if (camera_skipped) skipped <= 1'b1;
    if (camera_broken) broken <= 1'b1;
    if (px_lost) lost <= 1'b1;
    if (rst) {seen, skipped, broken, lost} <= 4'd0;
  end

  // ---------------------------------------------------------------- engine
  /* verilator lint_off UNUSEDSIGNAL */
  wire free;  // only with a camera
  /* verilator lint_on UNUSEDSIGNAL */
  wire px_ready, score_valid, idle, boot_error;
  wire [7:0] score_data;
  reg px_valid;
  reg [7:0] px_data;
  wire cpu_pixel = port_write && port == OUT_PIXEL;
  assign px_lost = camera_late || (mean_valid && px_valid && !px_ready);
  always @(posedge clock) begin
    if (px_ready) px_valid <= 1'b0;
    if (cpu_pixel || mean_valid) begin
      px_valid <= 1'b1;
      px_data  <= cpu_pixel ? port_out[7:0] : mean;
    end
    if (rst || pin_engine_reset) px_valid <= 1'b0;
  end
  owl_engine #(
      .NETWORK(`OWL_NETWORK)
  ) engine (
      .clk(clock),
      .rst(rst || pin_engine_reset),
      .flash_cs_n(boot_cs_n),
      .flash_sck(boot_sck),
      .flash_mosi(boot_mosi),
      .flash_miso(flash_miso),
      .px_valid(px_valid),
      .px_ready(px_ready),
      .px_data(px_data),
      .score_valid(score_valid),
      .score_ready(port_read && port == IN_SCORE),
      .score_data(score_data),
      .idle(idle),
      .free(free),
      .error(boot_error)
  );

  wire [8:0] status = {
    host_open, px_valid, flash_busy, boot_error, idle, sda, score_valid, host_tx_ready, host_rx_valid
  };
  always @*
    case (port)
      IN_STATUS: port_in = {7'd0, number[3] ? status[8] : status[{1'b0, number[2:0]}]};
      IN_HOST:   port_in = host_rx_data;
      IN_SCORE:  port_in = score_data;
      IN_FLASH:  port_in = flash_q;
      IN_EVENTS: port_in = {2'd0, tick, camera_active, lost, broken, skipped, seen};
      default:   port_in = 8'd0;
    endcase
endmodule

`default_nettype wire
