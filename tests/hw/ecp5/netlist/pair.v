// The design and its routed netlist beside each other.
module pair (
    input  wire         clk,
    input  wire         rst,
    input  wire [ 35:0] d,
    output wire [127:0] q,
    output wire [127:0] routed_q
);
  cells rtl (.clk(clk), .rst(rst), .d(d), .q(q));
  cells_routed routed (.clk(clk), .rst(rst), .d(d), .q(routed_q));
endmodule
