"""Portable C: a network as one C file for any microcontroller, compiled, run and counted here."""
