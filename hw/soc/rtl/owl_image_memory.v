// SPDX-License-Identifier: Apache-2.0
// A memory in place of the flash: the engine boots from it over the same four wires, and a bus reads and writes it.
// 2^BITS words of 32 bits; byte i of the image lies in bits 8(i%4)+7:8(i%4) of word i/4. FILE: contents for $readmemh, one word per line;
// with an empty name they are undefined until written. Reads (0x03) begin at the byte that the command names, modulo the size;
// 0xAB is taken and does nothing.
`default_nettype none

module owl_image_memory #(
    parameter integer BITS = 12,
    parameter FILE = ""
) (
    input  wire            clk,
    input  wire            en,          // a bus access in this cycle; where it reads, `q` is the word in the next
    input  wire [     3:0] we,          // one bit per byte
    input  wire [BITS-1:0] addr,
    input  wire [    31:0] d,
    output reg  [    31:0] q,
    input  wire            flash_cs_n,
    input  wire            flash_sck,
    input  wire            flash_mosi,
    output wire            flash_miso
);
  (* ram_style = "block" *) reg [31:0] cells[0:(1<<BITS)-1];
  generate
    if (FILE != "") begin : g_file
      initial $readmemh(FILE, cells);
    end
  endgenerate

  integer i;
  always @(posedge clk) begin
    for (i = 0; i < 4; i = i + 1) if (en && we[i]) cells[addr][8*i+:8] <= d[8*i+:8];
    if (en && we == 4'd0) q <= cells[addr];
  end

  // A bit moves at the end of each cycle in which the SPI clock is high, in both directions: the falling edge is that clock edge.
  reg [5:0] bits;  // of the command and its address so far, at most 32
  reg [30:0] command;
  reg [BITS+4:0] at;  // the bit of the memory that is given
  reg reading;
  reg [31:0] word;
  wire [BITS+4:0] begins = {command[BITS:0], flash_mosi, 3'd0};  // when the address's last bit comes
  wire complete = (bits == 6'd31) && (command[30:23] == 8'h03);
  localparam [BITS+4:0] ONE = 1;
  wire [BITS+4:0] next = !flash_sck ? at : complete ? begins : at + ONE;
  assign flash_miso = reading ? word[{at[4:3], ~at[2:0]}] : 1'b1;
  always @(posedge clk) begin
    word <= cells[next[BITS+4:5]];
    at   <= next;
    if (flash_cs_n) begin
      bits <= 6'd0;
      reading <= 1'b0;
    end else if (flash_sck && !bits[5]) begin
      bits <= bits + 6'd1;
      command <= {command[29:0], flash_mosi};
      reading <= complete;
    end
  end
endmodule

`default_nettype wire
