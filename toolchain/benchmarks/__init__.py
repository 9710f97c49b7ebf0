"""Measured figures and their targets: those of the README, the speed of training, and all simulators compared."""
