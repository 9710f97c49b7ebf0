"""What a Network becomes: simulators, the iCE40 UP5K engine and its compiler, and the verification of them all."""
