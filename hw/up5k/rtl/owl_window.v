// Walks a convolution: for every output position (four of a 2x2 pool in turn) every tap, for every tap every 64-bit word of it.
// Addresses are quarters of a word and are found by adding increments alone; the compiler works them out.
`default_nettype none

module owl_window (
    input  wire        clk,
    input  wire        rst,
    input  wire        start,          // one cycle; the fields below hold still from here to done
    input  wire [15:0] base,           // first tap of the first window
    input  wire [ 7:0] first_weight,   // row of the weight memory where this pass begins
    input  wire [ 7:0] columns1,       // output columns, less one, before pooling
    input  wire [ 7:0] rows1,
    input  wire [ 1:0] kernel_x1,
    input  wire [ 1:0] kernel_y1,
    input  wire [ 7:0] words1,         // words a tap, less one
    input  wire        pool,
    input  wire [ 3:0] pad,            // the first/last row and column reach outside: {right, left, bottom, top}
    input  wire [15:0] step_kx,        // from the last word of a tap to the next tap
    input  wire [15:0] step_ky,        // from the last word of a row of taps to the next row
    input  wire [15:0] step_a,         // from a window to its right neighbour
    input  wire [15:0] step_b,         // in a pool: from the upper right window to the lower left one
    input  wire [15:0] step_d,         // in a pool: from the lower right window to the next pool
    input  wire [15:0] step_e,         // from the last window of a row (of pools) to the next row
    output wire        read_valid,
    input  wire        read_grant,
    output wire [15:0] read_quarter,
    output reg  [ 7:0] weight_row,
    output reg  [ 7:0] next_weight,    // where the next pass's weights begin; valid at done
    output wire        tag_first,      // of the read now granted: first and last of its window, outside the map,
    output wire        tag_last,       //   first and last window of a pool
    output wire        tag_outside,
    output wire        tag_pool_first,
    output wire        tag_pool_last,
    output reg         busy
);
  reg [15:0] origin, offset;
  reg [7:0] x, y, word;
  reg [1:0] kx, ky, corner;
  reg [1:0] gap;  // the post unit takes a window every four cycles at most

  wire last_word = (word == words1);
  wire last_kx = (kx == kernel_x1);
  wire last_ky = (ky == kernel_y1);
  wire last_x = (x == columns1);
  wire last_y = (y == rows1);

  assign tag_first = (word == 8'd0) && (kx == 2'd0) && (ky == 2'd0);
  assign tag_last = last_word && last_kx && last_ky;
  assign tag_outside = (pad[0] && ky == 2'd0 && y == 8'd0) || (pad[1] && last_ky && last_y) ||
                       (pad[2] && kx == 2'd0 && x == 8'd0) || (pad[3] && last_kx && last_x);
  assign tag_pool_first = !pool || (corner == 2'd0);
  assign tag_pool_last = !pool || (corner == 2'd3);
  assign read_valid = busy && !(tag_last && gap != 2'd0);
  assign read_quarter = origin + offset;

  wire row_ends = last_x && (!pool || corner == 2'd3);
  wire map_ends = row_ends && last_y;
  wire [15:0] stride = row_ends ? step_e : !pool ? step_a : (corner == 2'd1) ? step_b : (corner == 2'd3) ? step_d : step_a;

  always @(posedge clk) begin
    if (gap != 2'd0) gap <= gap - 2'd1;
    if (read_grant) begin
      word <= last_word ? 8'd0 : word + 8'd1;
      if (last_word) begin
        kx <= last_kx ? 2'd0 : kx + 2'd1;
        if (last_kx) ky <= last_ky ? 2'd0 : ky + 2'd1;
      end
      offset <= tag_last ? 16'd0 : offset + (!last_word ? 16'd4 : !last_kx ? step_kx : step_ky);
      weight_row <= tag_last ? first_weight : weight_row + 8'd1;
      if (tag_last) begin
        gap <= 2'd3;
        origin <= origin + stride;
        next_weight <= weight_row + 8'd1;
        if (pool) corner <= corner + 2'd1;
        if (!pool || corner == 2'd3) x <= last_x ? 8'd0 : x + 8'd1;
        else x <= (corner == 2'd1) ? x - 8'd1 : x + 8'd1;
        if (!pool) begin
          if (last_x) y <= y + 8'd1;
        end else begin
          if (corner == 2'd1 || (corner == 2'd3 && last_x)) y <= y + 8'd1;
          else if (corner == 2'd3) y <= y - 8'd1;
        end
        if (map_ends) busy <= 1'b0;
      end
    end
    if (start) begin
      busy <= 1'b1;
      origin <= base;
      offset <= 16'd0;
      {x, y, word} <= 24'd0;
      {kx, ky, corner} <= 6'd0;
      weight_row <= first_weight;
    end
    if (rst) begin
      busy <= 1'b0;
      gap  <= 2'd0;
    end
  end
endmodule

`default_nettype wire
