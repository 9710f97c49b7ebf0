// SPDX-License-Identifier: Apache-2.0
// The engine with its two streams made whole: frames in step with their source, scores of 16 bits with an end; and the image, from flash
// or from a memory. Both wrappers, owlbit_axis and owlbit_wishbone, are built on it.
`default_nettype none

module owl_stream #(
    parameter integer IMAGE_BITS = 0,  // 0: boots from the flash; else from a memory of 2^IMAGE_BITS words of 32 bits
    parameter IMAGE_FILE = "",         // contents of that memory for $readmemh
    parameter [23:0] NETWORK = 24'h020000  // address of the image in the flash; in the memory it lies at 0
) (
    input  wire        clk,
    input  wire        rst,
    output wire        flash_cs_n,
    output wire        flash_sck,
    output wire        flash_mosi,
    /* verilator lint_off UNUSEDSIGNAL */
    input  wire        flash_miso,
    input  wire        image_en,      // a bus access to the memory
    input  wire [ 3:0] image_we,
    input  wire [17:0] image_addr,
    input  wire [31:0] image_d,
    /* verilator lint_on UNUSEDSIGNAL */
    output wire [31:0] image_q,       // in the next cycle
    input  wire        px_valid,
    output wire        px_ready,
    input  wire [ 7:0] px_data,
    input  wire        px_ends,       // of the source's last word of a frame,
    input  wire        px_last,       //   and its last byte
    output wire        score_valid,
    input  wire        score_ready,
    output wire [15:0] score_data,
    output wire        score_last,
    output wire        score_broken,
    output reg         booted,        // from here on the shape holds and frames may come
    output wire        idle,
    output wire        error,
    output wire [15:0] rows,
    output wire [15:0] columns,
    output wire [15:0] colours,
    output wire [15:0] classes
);
  localparam [23:0] BASE = (IMAGE_BITS == 0) ? NETWORK : 24'd0;
  wire cs_n, sck, mosi, miso;
  generate
    if (IMAGE_BITS == 0) begin : g_flash
      assign {flash_cs_n, flash_sck, flash_mosi} = {cs_n, sck, mosi};
      assign miso = flash_miso;
      assign image_q = 32'd0;
    end else begin : g_memory
      assign {flash_cs_n, flash_sck, flash_mosi} = 3'b100;
      owl_image_memory #(
          .BITS(IMAGE_BITS),
          .FILE(IMAGE_FILE)
      ) memory (
          .clk(clk),
          .en(image_en),
          .we(image_we),
          .addr(image_addr[IMAGE_BITS-1:0]),
          .d(image_d),
          .q(image_q),
          .flash_cs_n(cs_n),
          .flash_sck(sck),
          .flash_mosi(mosi),
          .flash_miso(miso)
      );
    end
  endgenerate
  owl_shape shape (
      .clk(clk),
      .flash_cs_n(cs_n),
      .flash_sck(sck),
      .flash_miso(miso),
      .rows(rows),
      .columns(columns),
      .colours(colours),
      .classes(classes)
  );

  wire whole_valid, whole_ready, ended, broken, full;
  wire [7:0] whole_data;
  owl_frame frame (
      .clk(clk),
      .rst(rst),
      .rows(rows),
      .columns(columns),
      .colours(colours),
      .in_valid(px_valid),
      .in_ready(px_ready),
      .in_data(px_data),
      .in_ends(px_ends),
      .in_last(px_last),
      .out_valid(whole_valid),
      .out_ready(whole_ready && !full),
      .out_data(whole_data),
      .ended(ended),
      .broken(broken)
  );
  wire byte_valid, byte_ready;
  wire [7:0] byte_data;
  owl_engine #(
      .NETWORK(BASE)
  ) engine (
      .clk(clk),
      .rst(rst),
      .flash_cs_n(cs_n),
      .flash_sck(sck),
      .flash_mosi(mosi),
      .flash_miso(miso),
      .px_valid(whole_valid && !full),
      .px_ready(whole_ready),
      .px_data(whole_data),
      .score_valid(byte_valid),
      .score_ready(byte_ready),
      .score_data(byte_data),
      .idle(idle),
      /* verilator lint_off PINCONNECTEMPTY */
      .free(),
      /* verilator lint_on PINCONNECTEMPTY */
      .error(error)
  );
  owl_scores scores (
      .clk(clk),
      .rst(rst),
      .classes(classes),
      .ended(ended),
      .broken(broken),
      .full(full),
      .in_valid(byte_valid),
      .in_ready(byte_ready),
      .in_data(byte_data),
      .out_valid(score_valid),
      .out_ready(score_ready),
      .out_data(score_data),
      .out_last(score_last),
      .out_broken(score_broken)
  );
  always @(posedge clk) booted <= !rst && (booted || whole_ready);
endmodule

`default_nettype wire
