"""From a network and its folding to a pipeline of circuits: the plan, its exact cycles, the Verilog, and its simulation."""
