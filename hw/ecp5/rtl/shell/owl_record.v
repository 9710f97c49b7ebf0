// SPDX-License-Identifier: Apache-2.0
// What the control processor takes for its flash: exchanges of bytes, command and address first, then content that counts up. The
// content is the record of the network in block RAM; from FRAME on it is the self-test's frame, which is noise from a shift register
// (xorshift of 16 bits by 7, 9 and 8), and begins anew with each address. Another exchange may follow two cycles later.
`default_nettype none

module owl_record #(
    parameter [15:0] FRAME = 16'd0,  // where the record ends
    parameter [15:0] SEED = 16'd1    // of the noise, not 0
) (
    input  wire       clk,
    input  wire       select,  // 0 ends an exchange
    input  wire       start,
    input  wire [7:0] data,
    output reg  [7:0] q        // the byte that came, a cycle after `start`
);
  reg [2:0] place;  // 0 the command, 1 to 3 the address, 4 the content
  reg [15:0] address, noise;
  wire [7:0] kept;
  owl_record_memory memory (
      .clk(clk),
      .address(address),
      .q(kept)
  );

  wire in_frame = (address >= FRAME);
  wire [15:0] left = noise ^ {noise[8:0], 7'd0};
  wire [15:0] right = left ^ {9'd0, left[15:9]};
  always @(posedge clk) begin
    if (start) begin
      if (place[2]) begin
        q <= in_frame ? noise[7:0] : kept;
        if (in_frame) noise <= right ^ {right[7:0], 8'd0};
        else address <= address + 16'd1;
      end else begin
        place <= place + 3'd1;
        address <= {address[7:0], data};
        noise <= SEED;
      end
    end
    if (!select) place <= 3'd0;
  end
endmodule

`default_nettype wire
