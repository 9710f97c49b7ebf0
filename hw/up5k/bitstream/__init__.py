"""The one fixed bitstream of the engine: built with pip tools, and turned back into Verilog to be simulated."""
