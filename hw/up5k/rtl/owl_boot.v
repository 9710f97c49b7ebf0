// SPDX-License-Identifier: Apache-2.0
// Copies the network from the SPI flash into memory, once after reset, and refuses anything that is not one.
// Wakes the flash (0xAB), reads (0x03) at BASE: the magic number, a header, the words, a tail that only counts for the checksum
// (the control processor reads it later), CRC-32/MPEG-2 over it all.
// Ends with done, or with error for good: wrong magic, version or length, or a wrong checksum (blank, cut off or corrupted flash).
`include "owl_fields.vh"
`default_nettype none

module owl_boot #(
    parameter [23:0] BASE = `OWL_FLASH_OFFSET
) (
    input  wire        clk,
    input  wire        rst,
    output reg         flash_cs_n,
    output reg         flash_sck,
    output wire        flash_mosi,
    input  wire        flash_miso,
    output reg         wr_valid,
    output wire [15:0] wr_quarter,
    output wire [ 1:0] wr_nibble,
    output reg  [ 3:0] wr_data,
    output wire        done,
    output wire        error
);
  localparam [3:0] WAKE = 0, REST = 1, COMMAND = 2, SIGNATURE = 3, META = 4, HEADER = 5, WORDS = 6, TAIL = 7, CHECKSUM = 8, DONE = 9,
                   ERROR = 10;
  (* fsm_encoding = "none" *) reg [3:0] state;  // as coded: synthesis would drop what codes that are no state do
  assign done  = (state == DONE);
  assign error = (state == ERROR);

  // The header from META on, in bits less one; and what is left of it when the length of the tail has just come.
  localparam [20:0] HEADER_BITS1 = 8 * (`OWL_HEADER_BYTES - 8) - 1, TAIL_LENGTH_LEFT = 8 * (`OWL_HEADER_BYTES - `OWL_TAIL_AT - 4);
  reg [20:0] left;  // bits left in this part, less one
  reg [13:0] words;
  reg [17:0] tail;  // bytes; of a longer one, the checksum fails
  reg [31:0] tx;
  reg [30:0] rx;
  reg [31:0] crc;
  reg [17:0] nibbles;  // written so far
  reg miso;  // as it stood when the clock rose; used in the high half
  wire [31:0] word = {rx, miso};
  wire feedback = crc[31] ^ miso;
  wire [31:0] crc_next = {crc[30:0], 1'b0} ^ ({32{feedback}} & 32'h04C11DB7);
  wire talking = (state != REST) && (state != DONE) && (state != ERROR);
  wire meta_ok = (word[`OWL_IMAGE_VERSION] == `OWL_VERSION) && (word[`OWL_IMAGE_RESERVED] == 10'd0) &&
                 (word[`OWL_IMAGE_WORDS] != 14'd0);

  assign flash_mosi = tx[31];
  // The first nibble of a word in the flash is its highest.
  assign wr_quarter = {nibbles[17:4], ~nibbles[3:2]};
  assign wr_nibble  = ~nibbles[1:0];

  always @(posedge clk) begin
    wr_valid <= 1'b0;
    miso <= flash_miso;
    if (wr_valid) nibbles <= nibbles + 18'd1;
    if (talking) begin
      flash_cs_n <= 1'b0;
      if (!flash_cs_n) flash_sck <= !flash_sck;
      if (flash_sck) begin
        tx   <= {tx[30:0], 1'b0};
        rx   <= word[30:0];
        left <= left - 21'd1;
        if (state != WAKE && state != COMMAND) crc <= crc_next;
        if (state == WORDS && left[1:0] == 2'd0) begin
          wr_valid <= 1'b1;
          wr_data  <= word[3:0];
        end
        if (state == HEADER && left == TAIL_LENGTH_LEFT) tail <= word[17:0];
        if (left == 21'd0) begin
          left <= 21'd31;
          case (state)
            WAKE: begin  // the flash needs 3 us before the next command
              state <= REST;
              left  <= 21'd127;
            end
            COMMAND:   state <= SIGNATURE;
            SIGNATURE: state <= (word == `OWL_MAGIC) ? META : ERROR;
            META: begin
              state <= meta_ok ? HEADER : ERROR;
              words <= word[`OWL_IMAGE_WORDS];
              left  <= HEADER_BITS1;
            end
            HEADER: begin
              state <= WORDS;
              left  <= {1'b0, words - 14'd1, 6'd63};
            end
            WORDS: begin
              state <= (tail == 18'd0) ? CHECKSUM : TAIL;
              if (tail != 18'd0) left <= {tail - 18'd1, 3'd7};
            end
            TAIL:      state <= CHECKSUM;
            CHECKSUM:  state <= (crc_next == 32'd0) ? DONE : ERROR;
            default:   state <= ERROR;  // no state: nothing runs until reset
          endcase
        end
      end
    end else begin
      flash_cs_n <= 1'b1;
      flash_sck  <= 1'b0;
      left <= left - 21'd1;
      if (state == REST && left == 21'd0) begin
        state <= COMMAND;
        left  <= 21'd31;
        tx    <= {8'h03, BASE};
      end
    end
    if (rst) begin
      state <= WAKE;
      flash_cs_n <= 1'b1;
      flash_sck <= 1'b0;
      left <= 21'd7;
      tx <= {8'hAB, 24'd0};
      crc <= 32'hFFFFFFFF;
      nibbles <= 18'd0;
    end
  end
endmodule

`default_nettype wire
