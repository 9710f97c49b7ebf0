// A design with every kind of cell that there is a model of; its outputs are compared with those of its routed netlist.
module cells (
    input  wire        clk,
    input  wire        rst,
    input  wire [35:0] d,
    output wire [127:0] q
);
  // ---------------------------------------------------------------- registers: enables, resets of both kinds, both edges
  reg [7:0] count;
  reg [3:0] set_high, enabled_low, held, late;
  always @(posedge clk) begin
    count <= count + d[7:0];
    if (!d[0]) enabled_low <= d[4:1];
    if (d[5]) held <= d[9:6];
    if (rst) begin
      count <= 8'd3;
      set_high <= 4'hA;
    end else if (d[1]) set_high <= set_high ^ d[5:2];
  end
  always @(posedge clk or posedge rst)
    if (rst) late <= 4'h6;
    else late <= late + held;
  reg [1:0] falling;
  always @(negedge clk) falling <= d[11:10];

  // ---------------------------------------------------------------- wide multiplexers, comparison, subtraction
  reg [63:0] wide;
  reg picked, less;
  reg [11:0] difference;
  always @(posedge clk) begin
    wide <= {wide[27:0], d};
    picked <= wide[d[5:0]];
    difference <= wide[11:0] - d[11:0];
    less <= wide[19:8] < d[19:8];
  end

  // ---------------------------------------------------------------- memory in look-up tables, with contents
  (* ram_style = "distributed" *) reg [4:0] few[0:31];
  initial $readmemh("few.hex", few);
  reg [4:0] few_q;
  always @(posedge clk) begin
    if (d[35]) few[d[4:0]] <= d[9:5];
    few_q <= few[d[14:10]];
  end

  // ---------------------------------------------------------------- block RAM in all its widths, with contents
  wire [35:0] wide_q;
  wire [17:0] single_q, old_q;
  wire [3:0] nibble_q;
  wire [1:0] pair_q;
  wire bit_q;
  wire [8:0] byte_q;
  ram #(.WIDTH(36), .BITS(9), .INIT("wide.hex")) ram36 (.clk(clk), .we(d[34]), .at(d[8:0]), .to(d[17:9]), .d(d), .q(wide_q));
  ram #(.WIDTH(9), .BITS(11), .INIT("byte.hex")) ram9 (.clk(clk), .we(d[33]), .at(d[10:0]), .to(d[21:11]), .d(d[35:27]), .q(byte_q));
  ram #(.WIDTH(4), .BITS(12), .INIT("nibble.hex")) ram4 (.clk(clk), .we(d[32]), .at(d[11:0]), .to(d[23:12]), .d(d[35:32]), .q(nibble_q));
  ram #(.WIDTH(2), .BITS(13), .INIT("pair.hex")) ram2 (.clk(clk), .we(d[31]), .at(d[12:0]), .to(d[25:13]), .d(d[35:34]), .q(pair_q));
  ram #(.WIDTH(1), .BITS(14), .INIT("bit.hex")) ram1 (.clk(clk), .we(d[30]), .at(d[13:0]), .to(d[27:14]), .d(d[35]), .q(bit_q));
  one_port #(.WIDTH(18), .BITS(10), .INIT("single.hex"), .OLD(0)) single (.clk(clk), .en(d[29]), .we(d[28]), .at(d[9:0]), .d(d[27:10]), .q(single_q));
  one_port #(.WIDTH(18), .BITS(10), .INIT("single.hex"), .OLD(1)) old (.clk(clk), .en(d[29]), .we(d[28]), .at(d[9:0]), .d(d[27:10]), .q(old_q));

  // ---------------------------------------------------------------- a block RAM with its output register, as a cell
  wire [17:0] rom_q;
`ifdef OWL_CELLS_ECP5
  DP16KD #(
      .DATA_WIDTH_A(18), .DATA_WIDTH_B(18), .REGMODE_A("OUTREG"), .REGMODE_B("NOREG"), .RESETMODE("SYNC"), .CSDECODE_A("0b101"),
      .INITVAL_00(320'h00001_3fffe_2abcd_15432_0000f), .INITVAL_3F(320'h1a2b3 << 300)
  ) rom (
      .CLKA(clk), .CEA(d[20]), .OCEA(1'b1), .WEA(1'b0), .RSTA(rst), .CSA2(1'b1), .CSA1(1'b0), .CSA0(d[21]),
      .ADA13(d[9]), .ADA12(d[8]), .ADA11(d[7]), .ADA10(d[6]), .ADA9(d[5]), .ADA8(d[4]), .ADA7(d[3]), .ADA6(d[2]), .ADA5(d[1]),
      .ADA4(d[0]), .CLKB(1'b0), .CEB(1'b0), .WEB(1'b0), .RSTB(1'b0),
      .DOA17(rom_q[17]), .DOA16(rom_q[16]), .DOA15(rom_q[15]), .DOA14(rom_q[14]), .DOA13(rom_q[13]), .DOA12(rom_q[12]),
      .DOA11(rom_q[11]), .DOA10(rom_q[10]), .DOA9(rom_q[9]), .DOA8(rom_q[8]), .DOA7(rom_q[7]), .DOA6(rom_q[6]), .DOA5(rom_q[5]),
      .DOA4(rom_q[4]), .DOA3(rom_q[3]), .DOA2(rom_q[2]), .DOA1(rom_q[1]), .DOA0(rom_q[0])
  );
`else
  function [17:0] contents(input [9:0] at);
    case (at)
      10'd0: contents = 18'h0000f;
      10'd1: contents = 18'h15432;
      10'd2: contents = 18'h2abcd;
      10'd3: contents = 18'h3fffe;
      10'd4: contents = 18'h00001;
      10'd1023: contents = 18'h1a2b3;
      default: contents = 18'd0;
    endcase
  endfunction
  reg [17:0] read, out;
  always @(posedge clk) begin
    if (rst) {read, out} <= 36'd0;
    else begin
      if (d[20] && d[21]) read <= contents(d[9:0]);
      out <= read;
    end
  end
  assign rom_q = out;
`endif

  assign q = {rom_q, old_q, single_q, bit_q, pair_q, nibble_q, byte_q, few_q, less, picked, falling, late, held, set_high,
              enabled_low} ^ {92'd0, wide_q} ^ {108'd0, difference, count};
endmodule

module ram #(parameter WIDTH = 9, BITS = 11, INIT = "") (
    input wire clk, input wire we, input wire [BITS-1:0] at, to, input wire [WIDTH-1:0] d, output reg [WIDTH-1:0] q
);
  (* ram_style = "block", no_rw_check *) reg [WIDTH-1:0] cells[0:(1<<BITS)-1];
  initial $readmemh(INIT, cells);
  always @(posedge clk) begin
    if (we) cells[to] <= d;
    q <= cells[at];
  end
endmodule

module one_port #(parameter WIDTH = 18, BITS = 10, INIT = "", OLD = 0) (
    input wire clk, en, we, input wire [BITS-1:0] at, input wire [WIDTH-1:0] d, output reg [WIDTH-1:0] q
);
  (* ram_style = "block" *) reg [WIDTH-1:0] cells[0:(1<<BITS)-1];
  initial $readmemh(INIT, cells);
  always @(posedge clk) if (en) begin
    if (we) cells[at] <= d;
    if (OLD || !we) q <= cells[at];
  end
endmodule
