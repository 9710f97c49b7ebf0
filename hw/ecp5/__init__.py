"""The Lattice ECP5: networks as dataflow circuits, placed and routed by open tools."""
