"""How large a picture may be, for everything that opens one: training, `simulate`, `sense` and what the page is sent."""

from __future__ import annotations

# Decoding keeps up to 4 bytes per pixel several times over: this many take about a gigabyte. Phones take pictures of up to 108
# million; a larger one is refused by the size in its header, before anything is decoded.
MOST_PIXELS = 120_000_000

# Each scan of a progressive JPEG goes over the whole picture, but may take only a few bytes: a small file could take minutes.
# Cameras and programs write about ten scans.
MOST_SCANS = 500

# A JPEG of more pixels is decoded at 1/2, 1/4 or 1/8 of its size, as long as it stays REDUCED_SIDES times as large as the network's
# frame: the same crop, and several times as quick. Smaller ones are decoded whole, so that data sets of small pictures stay as
# they are.
REDUCE_FROM = 2_000_000
REDUCED_SIDES = 4
