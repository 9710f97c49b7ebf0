"""Labelled images: files, archives and made-up frames become uint8 arrays. Imports no torch."""
