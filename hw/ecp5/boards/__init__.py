"""Boards with an ECP5: their files, the clock's settings, constraints, and the circuit that joins a network to the host."""
