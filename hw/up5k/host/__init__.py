"""The host's side of a board's link: packets, a client over any stream of bytes, serial ports, and the same in C (`c/`)."""
