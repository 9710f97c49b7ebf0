"""Fully-binarised vision networks next to the image sensor: from Brevitas training to a verified FPGA flash image.

The four packages beside this file are links to the folders of the same names at the top of the repository. They are imported as
`owlbit.models`, `owlbit.export`, `owlbit.hw` and `owlbit.toolchain` only: a bare `models` would be any folder of that name.
"""

__version__ = "0.1.0"
