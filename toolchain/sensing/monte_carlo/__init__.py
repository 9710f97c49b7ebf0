"""Accuracy of many simulated chips against mismatch, light and frame rate."""
