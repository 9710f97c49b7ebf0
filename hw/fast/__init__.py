"""The fast simulator: the reference's integers from packed bits, XNOR and popcount, as fast as the processor allows."""

from __future__ import annotations

from owlbit.hw.fast.fast_network import FastNetwork, compile_fast, simulate

__all__ = ["FastNetwork", "compile_fast", "simulate"]
