"""The UP5K engine for designs of others: wrappers for AXI-Stream and Wishbone, a FuseSoC core, and their simulation."""
