"""The iCE40 UP5K target: engine, compiler, bitstream and the simulators that check them."""
