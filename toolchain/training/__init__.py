"""A recipe and its data become weights."""
