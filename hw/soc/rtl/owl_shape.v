// SPDX-License-Identifier: Apache-2.0
// Listens on the engine's flash bus while it boots and keeps what the header of the image says of the network's shape.
// In the image these are bytes 8 to 15: rows, columns, colours, classes, 16 bits each, the high byte first. The engine's read command
// has 32 bits before them. The command that wakes the flash has 8 bits and never counts that far.
`default_nettype none

module owl_shape (
    input  wire        clk,
    input  wire        flash_cs_n,
    input  wire        flash_sck,
    input  wire        flash_miso,
    output wire [15:0] rows,
    output wire [15:0] columns,
    output wire [15:0] colours,
    output wire [15:0] classes
);
  localparam [7:0] FIRST = 32 + 8 * 8, END = 32 + 16 * 8;
  reg [63:0] header;
  reg [ 7:0] bits;  // of this command so far, at most END
  reg        miso;  // as it stood when the clock rose, as the engine takes it
  assign {rows, columns, colours, classes} = header;
  always @(posedge clk) begin
    miso <= flash_miso;
    if (flash_cs_n) bits <= 8'd0;
    else if (flash_sck && bits != END) begin
      bits <= bits + 8'd1;
      if (bits >= FIRST) header <= {header[62:0], miso};
    end
  end
endmodule

`default_nettype wire
