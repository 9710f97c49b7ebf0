"""The placed and routed netlist of an ECP5 design: read, turned into Verilog by models of its cells, and simulated."""
