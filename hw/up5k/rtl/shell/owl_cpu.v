// SPDX-License-Identifier: Apache-2.0
// The control processor: 16 bits, one accumulator A, carry C, one index X, one memory, two clocks an instruction (RET: three).
// DECODE: an instruction has come from the memory, the address of its operand goes there, a jump is decided.
// EXECUTE: the operand has come, A changes or is stored, the next instruction is fetched. FETCH: only after reset and RET.
// Instruction set: hw/up5k/README.md; assembler: hw/up5k/firmware/assemble.py.
`default_nettype none

module owl_cpu (
    input  wire        clk,
    input  wire        rst,
    output wire [10:0] read_address,
    input  wire [15:0] q,            // the word that stood at read_address a cycle before
    output wire        write,
    output wire [ 8:0] write_address,
    output wire [15:0] d,
    output wire [ 2:0] port,         // number of the port that is read or written
    output wire [ 3:0] number,       // that goes with it
    output wire        port_read,    // in the cycle in which port_in is taken
    output wire        port_write,
    input  wire [ 7:0] port_in,
    output wire [15:0] port_out
);
  // Operations 0 to 7: LD AND OR XOR ADD ADC SUB SBC.
  localparam [3:0] ST = 8, LDX = 9, MISC = 10, JUMP = 11, JUMP_ZERO = 12, JUMP_SIGN = 13, JUMP_CARRY = 14, COUNT = 15;
  localparam [1:0] FETCH = 0, DECODE = 1, EXECUTE = 2;
  localparam [10:0] START = 11'd16;  // below lies the stack
  reg [ 1:0] state;
  reg [10:0] pc;
  reg [15:0] instruction;  // in EXECUTE
  reg [15:0] a;
  reg        c;
  reg [ 8:0] x;
  reg [ 3:0] sp;
  wire decode = (state == DECODE);
  wire execute = (state == EXECUTE);

  // ---------------------------------------------------------------- DECODE: jumps, the address of the operand
  wire [3:0] q_op = q[15:12];
  wire call = (q_op == JUMP) && q[11];
  wire ret = (q_op == MISC) && (q[11:10] == 2'd3);
  wire taken = (q_op == JUMP) || (q_op == JUMP_ZERO && ((a == 16'd0) ^ q[11])) || (q_op == JUMP_SIGN && (a[15] ^ q[11])) ||
               (q_op == JUMP_CARRY && (c ^ q[11]));
  wire [10:0] pc_next = pc + 11'd1;
  wire [ 3:0] sp_next = sp + (call ? 4'd1 : 4'd15);
  wire [ 8:0] direct = q[8:0];
  reg  [ 8:0] operand_address;  // of EXECUTE
  wire [ 8:0] address = (call || ret) ? {5'd0, call ? sp_next : sp} : q[11] && q_op != COUNT ? x : direct;

  // ---------------------------------------------------------------- EXECUTE
  wire [3:0] op = instruction[15:12];
  wire [1:0] mode = instruction[11:10];  // operands: 0 a constant, 1 a word of memory, 2 the word at X, 3 the same, then X + 1
  wire count = (op == COUNT);            // memory up or down by one
  wire subtract = instruction[13] && !count;
  wire carry_in = count ? !instruction[11] : instruction[12] ? c : subtract;
  wire [15:0] operand = (mode == 2'd0) ? {6'd0, instruction[9:0]} : q;
  wire [15:0] left = count ? {16{instruction[11]}} : a;
  wire [16:0] sum = {1'b0, left} + {1'b0, operand ^ {16{subtract}}} + {16'd0, carry_in};
  wire [15:0] logical =
      instruction[13] ? (instruction[12] ? a ^ operand : a | operand) : (instruction[12] ? a & operand : operand);
  wire [15:0] shifted = instruction[1] ? {a[7:0], a[15:8]} : {instruction[0] & c, a[15:1]};
  wire execute_ret = (op == MISC) && (mode == 2'd3);

  assign read_address = decode ? {2'd0, address} : pc;
  assign write = (decode && call) || (execute && (op == ST || count));
  assign write_address = decode ? address : operand_address;
  assign d = decode ? {5'd0, pc_next} : count ? sum[15:0] : a;
  assign port = instruction[2:0];
  assign number = instruction[6:3];
  assign port_read = execute && op == MISC && mode == 2'd0;
  assign port_write = execute && op == MISC && mode == 2'd1;
  assign port_out = a;

  always @(posedge clk) begin
    state <= decode ? EXECUTE : (execute && execute_ret) ? FETCH : DECODE;
    if (decode) begin
      instruction <= q;
      operand_address <= address;
      pc <= taken ? q[10:0] : pc_next;
      if (call || ret) sp <= sp_next;
    end
    if (execute) begin
      if (count || op[3:2] == 2'b01) a <= sum[15:0];
      if (op[3:2] == 2'b01) c <= sum[16];
      if (op[3:2] == 2'b00) a <= logical;
      if (op == MISC && mode == 2'd0) a <= {8'd0, port_in};
      if (op == MISC && mode == 2'd2) begin
        a <= shifted;
        if (!instruction[1]) c <= a[0];
      end
      if (op == LDX) x <= mode[1] ? a[8:0] : operand[8:0];
      else if (mode == 2'd3 && (op == ST || !op[3])) x <= x + 9'd1;
      if (execute_ret) pc <= q[10:0];
    end
    if (rst) begin
      state <= FETCH;
      pc <= START;
      sp <= 4'd0;
    end
  end
endmodule

`default_nettype wire
