"""The Lattice ECP5: a network as a pipeline of circuits, one per layer, built with open tools."""
