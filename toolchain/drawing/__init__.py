"""Pieces of pages and plots, as PNG, SVG and HTML, that know nothing of owlbit."""
