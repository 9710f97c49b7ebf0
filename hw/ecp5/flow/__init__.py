"""From Verilog to a packed ECP5 bitstream with open tools: synthesis, place and route, packing, and what they report."""
