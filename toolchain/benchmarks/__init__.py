"""Measured figures: what the README promises, training, and every simulator side by side."""
