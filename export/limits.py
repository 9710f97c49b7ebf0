"""How large what is read may be. docs/security.md lists these limits and those of the other packages, each with its message."""

from __future__ import annotations

TEXT_BYTES = 2**18  # a recipe, settings, a comparison: 256 KiB, some 500 times the longest of ours
TEXT_DEPTH = 20  # tables and lists in one another
TEXT_BITS = 4096  # of an integer; Python prints up to 14,284
TEXT_DOTS = 200  # in a line: the time to read a dotted key grows with the square of its parts
TEXT_LAYERS = 500  # tables headed [[layers]]
PATH_BYTES = 4000  # of a path in a recipe: what Linux takes, with room for the folder in front
NAME_BYTES = 255  # of each name in it
RECORD_BYTES = 2**26  # JSON that owlbit wrote: the history of a long training has some megabytes
IMAGE_BYTES = 2**29  # of an array of images in an .npz: half a gigabyte
FLASH_BYTES = 2**24  # a flash image: the largest that these boards have

# Of networks. Sizes are looked at before memory is taken for them.
LARGEST_FILE = 2**30  # bytes of a QONNX file
MOST_NODES = 20_000  # of its graph
LARGEST_IMAGE = 2**22  # values of an image
LARGEST_MAP = 2**26  # values of the map behind any layer
LARGEST_CONSTANT = 2**26  # values of a folded constant: 256 MB of float32
CONSTANTS_BYTES = 3 * 2**27  # of all folded constants that later nodes still read: 100 million values of float32
LARGEST_PAD = 1024  # rows or columns of padding
LARGEST_SIZE = 2**20  # sizes, strides and paddings of a layer: products of three stay below 2**63
LARGEST_CONTENT = 2**25  # bytes of a network file (npz) when it is unpacked
