// SPDX-License-Identifier: Apache-2.0
// The engine as a Wishbone B4 slave of 32 bits: a CPU writes the network and the pixels and reads the scores.
// Registers and memory: docs/soc_registers.md. Addresses are those of bytes; a transfer is a word, of which wb_sel_i chooses bytes.
// PIPELINED 0: a transfer takes two cycles; wb_stall_o is high until the acknowledge, so a pipelined master is served too.
// PIPELINED 1: for pipelined masters alone; a transfer per cycle, each acknowledged in the next, never a stall.
`default_nettype none

module owlbit_wishbone #(
    parameter integer PIPELINED = 0,
    parameter integer IMAGE_BITS = 15,  // 0: boots from the flash; else from a memory of 2^IMAGE_BITS words, at most 18, on the bus
    parameter IMAGE_FILE = "",          // that memory's first contents (owlbit.hw.soc.image_memory writes the file)
    parameter [0:0] RUN = 0,            // boots after reset, without being told to
    parameter integer PIXEL_BITS = 4,   // the pixel FIFO has 2^PIXEL_BITS words, 1 to 12
    parameter integer SCORE_BITS = 8,   // the score FIFO has 2^SCORE_BITS scores, 1 to 12; as many as there are classes
    parameter [23:0] NETWORK = 24'h020000  // address of the image in the flash
) (
    input  wire        wb_clk_i,
    input  wire        wb_rst_i,    // synchronous
    input  wire        wb_cyc_i,
    input  wire        wb_stb_i,
    input  wire        wb_we_i,
    /* verilator lint_off UNUSEDSIGNAL */
    input  wire [20:0] wb_adr_i,    // a byte's; bits 1:0 are not looked at
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [31:0] wb_dat_i,
    input  wire [ 3:0] wb_sel_i,
    output wire [31:0] wb_dat_o,
    output wire        wb_ack_o,
    output wire        wb_stall_o,
    output wire        irq,
    output wire        flash_cs_n,
    output wire        flash_sck,
    output wire        flash_mosi,
    input  wire        flash_miso
);
  // ---------------------------------------------------------------- the bus
  reg ack, from_memory;
  reg [31:0] read;
  wire [31:0] image_q;
  wire request = wb_cyc_i && wb_stb_i && (PIPELINED != 0 || !ack);
  wire in_memory = wb_adr_i[20];
  wire write = request && wb_we_i && !in_memory;
  wire [5:0] number = wb_adr_i[7:2];
  wire known = (wb_adr_i[19:8] == 12'd0);
  assign wb_ack_o   = ack && wb_cyc_i;
  assign wb_stall_o = (PIPELINED == 0) && wb_cyc_i && !ack;
  assign wb_dat_o   = from_memory ? image_q : read;
  localparam [5:0] ID = 0, VERSION = 1, CONTROL = 2, STATUS = 3, SHAPE = 4, CLASSES = 5, LEVELS = 6, FRAMES = 7, SCORE = 8, PIXELS = 9,
                   PIXELS_END = 10;

  // ---------------------------------------------------------------- registers
  reg run, irq_on_result, irq_on_error, overflow;
  reg [31:0] frames;
  reg [3:0] hold;  // a flash wants to be deselected for longer than a CPU takes from one write of `run` to the next
  wire rst = !hold[3];
  wire clear = wb_rst_i || !run;
  wire pixel_write = write && known && (number == PIXELS || number == PIXELS_END) && wb_sel_i != 4'd0;
  wire pixel_ready;
  wire [PIXEL_BITS:0] pixel_free;
  wire [SCORE_BITS:0] score_free;
  wire was_booted, idle, was_error;  // until the reset reaches the engine they are those of the last image
  wire booted = was_booted && !rst, error = was_error && !rst;
  wire [15:0] rows, columns, colours, classes;
  wire waits, waits_last, waits_broken;
  wire [15:0] waits_data;
  reg [SCORE_BITS+1:0] results;  // whole ones that wait
  wire result = (results != {(SCORE_BITS + 2) {1'b0}});
  wire scores_full = (score_free == {(SCORE_BITS + 1) {1'b0}});
  wire pop = request && !wb_we_i && !in_memory && known && number == SCORE && waits;
  localparam [4:0] IMAGE_SIZE = IMAGE_BITS[4:0];
  localparam [3:0] PIXEL_SIZE = PIXEL_BITS[3:0], SCORE_SIZE = SCORE_BITS[3:0];
  assign irq = (irq_on_result && (result || scores_full)) || (irq_on_error && (error || overflow));

  always @(posedge wb_clk_i) begin
    ack <= request;
    from_memory <= in_memory;
    if (request) begin
      case (number)
        ID: read <= 32'h4F574C42;
        VERSION: read <= {3'd0, IMAGE_SIZE, SCORE_SIZE, PIXEL_SIZE, 8'd2, 8'd1};
        CONTROL: read <= {22'd0, irq_on_error, irq_on_result, 7'd0, run};
        STATUS: read <= {25'd0, overflow, scores_full, result, waits, idle, error, booted};
        SHAPE: read <= {rows, columns};
        CLASSES: read <= {colours, classes};
        LEVELS: read <= {{(15 - SCORE_BITS) {1'b0}}, score_free, {(15 - PIXEL_BITS) {1'b0}}, pixel_free};
        FRAMES: read <= frames;
        SCORE: read <= waits ? {1'b1, waits_last, waits_broken, 13'd0, waits_data} : 32'd0;
        default: read <= 32'd0;
      endcase
      if (!known) read <= 32'd0;
    end
    if (write && known && number == CONTROL) begin
      if (wb_sel_i[0]) run <= wb_dat_i[0];
      if (wb_sel_i[1]) {irq_on_error, irq_on_result} <= wb_dat_i[9:8];
    end
    if (pixel_write && !pixel_ready) overflow <= 1'b1;
    if (clear) overflow <= 1'b0;
    if (clear) hold <= 4'd0;
    else if (rst) hold <= hold + 4'd1;
    if (wb_rst_i) begin
      ack <= 1'b0;
      run <= RUN;
      {irq_on_error, irq_on_result} <= 2'b00;
    end
  end

  // ---------------------------------------------------------------- pixels: words of up to four bytes
  wire word_valid, word_ready, word_last;
  wire [31:0] word;
  wire [ 3:0] word_keep;
  owl_fifo #(
      .WIDTH(37),
      .BITS (PIXEL_BITS)
  ) pixels (
      .clk(wb_clk_i),
      .rst(clear),
      .in_valid(pixel_write),
      .in_ready(pixel_ready),
      .in_data({number == PIXELS_END, wb_sel_i, wb_dat_i}),
      .out_valid(word_valid),
      .out_ready(word_ready),
      .out_data({word_last, word_keep, word}),
      .free(pixel_free)
  );
  wire px_valid, px_ready, px_ends, px_last;
  wire [7:0] px_data;
  owl_narrow #(
      .BYTES(4)
  ) narrow (
      .clk(wb_clk_i),
      .rst(clear),
      .in_valid(word_valid),
      .in_ready(word_ready),
      .in_data(word),
      .in_keep(word_keep),
      .in_last(word_last),
      .out_valid(px_valid),
      .out_ready(px_ready),
      .out_data(px_data),
      .out_ends(px_ends),
      .out_last(px_last)
  );

  // ---------------------------------------------------------------- the engine
  wire score_valid, score_ready, score_last, score_broken;
  wire [15:0] score_data;
  owl_stream #(
      .IMAGE_BITS(IMAGE_BITS),
      .IMAGE_FILE(IMAGE_FILE),
      .NETWORK(NETWORK)
  ) stream (
      .clk(wb_clk_i),
      .rst(rst),
      .flash_cs_n(flash_cs_n),
      .flash_sck(flash_sck),
      .flash_mosi(flash_mosi),
      .flash_miso(flash_miso),
      .image_en(request && in_memory),
      .image_we(wb_sel_i & {4{wb_we_i}}),
      .image_addr(wb_adr_i[19:2]),
      .image_d(wb_dat_i),
      .image_q(image_q),
      .px_valid(px_valid),
      .px_ready(px_ready),
      .px_data(px_data),
      .px_ends(px_ends),
      .px_last(px_last),
      .score_valid(score_valid),
      .score_ready(score_ready),
      .score_data(score_data),
      .score_last(score_last),
      .score_broken(score_broken),
      .booted(was_booted),
      .idle(idle),
      .error(was_error),
      .rows(rows),
      .columns(columns),
      .colours(colours),
      .classes(classes)
  );

  // ---------------------------------------------------------------- scores
  owl_fifo #(
      .WIDTH(18),
      .BITS (SCORE_BITS)
  ) scores (
      .clk(wb_clk_i),
      .rst(clear),
      .in_valid(score_valid && !rst),
      .in_ready(score_ready),
      .in_data({score_last, score_broken, score_data}),
      .out_valid(waits),
      .out_ready(pop),
      .out_data({waits_last, waits_broken, waits_data}),
      .free(score_free)
  );
  wire result_in = score_valid && !rst && score_ready && score_last;
  wire result_out = pop && waits_last;
  localparam [SCORE_BITS+1:0] ONE = 1;
  always @(posedge wb_clk_i) begin
    if (result_in) frames <= frames + 32'd1;
    if (result_in != result_out) results <= result_in ? results + ONE : results - ONE;
    if (clear) begin
      frames  <= 32'd0;
      results <= {(SCORE_BITS + 2) {1'b0}};
    end
  end
endmodule

`default_nettype wire
