// SPDX-License-Identifier: Apache-2.0
// A position along one axis of a padded map, 0..SIZE-1, and what is there; all flags are registers.
// `real_here`: no padding; `emit`: a kernel of KERNEL that ends here gives an output, every STRIDE.
`default_nettype none

module owl_axis #(
    parameter SIZE = 10,
    parameter KERNEL = 3,  // 1..SIZE
    parameter STRIDE = 1,
    parameter BEFORE = 1,  // padding
    parameter INSIDE = 8
) (
    input  wire clk,
    input  wire rst,
    input  wire step,
    output reg  last,
    output reg  real_here,
    output reg  emit
);
  localparam BITS = $clog2(SIZE + 1);
  localparam BEGIN = BEFORE, END = BEFORE + INSIDE, FULL = KERNEL - 1, LAST = SIZE - 1;
  reg [BITS-1:0] position;
  wire [BITS-1:0] follow = last ? {BITS{1'b0}} : position + 1'b1;
  wire full = follow == FULL[BITS-1:0];
  wire turn;  // a stride ends with the present position

  generate
    if (STRIDE == 1) begin : strides
      assign turn = emit && !last;
    end else begin : strides
      localparam COUNT_BITS = $clog2(STRIDE);
      localparam TURN = STRIDE - 1;
      reg [COUNT_BITS-1:0] count;
      reg begun;
      assign turn = begun && !last && (count == TURN[COUNT_BITS-1:0]);
      always @(posedge clk) begin
        if (step) begin
          begun <= full || (begun && !last);
          count <= (full || turn) ? {COUNT_BITS{1'b0}} : count + 1'b1;
        end
        if (rst) begin
          begun <= FULL == 0;
          count <= {COUNT_BITS{1'b0}};
        end
      end
    end
  endgenerate

  always @(posedge clk) begin
    if (step) begin
      position <= follow;
      last <= follow == LAST[BITS-1:0];
      real_here <= (follow == BEGIN[BITS-1:0]) || (real_here && (follow != END[BITS-1:0]) && !last);
      emit <= full || turn;
    end
    if (rst) begin
      position <= {BITS{1'b0}};
      last <= LAST == 0;
      real_here <= BEGIN == 0;
      emit <= FULL == 0;
    end
  end
endmodule

`default_nettype wire
