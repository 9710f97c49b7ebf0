"""Recipes: TOML becomes typed, checked values. Imports nothing else of toolchain."""
