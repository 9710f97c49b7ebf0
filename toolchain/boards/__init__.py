"""Boards in use: their flash written, their results read, and what is wrong with them told in plain words."""
