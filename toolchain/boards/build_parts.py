"""The files of a board's build folder, read within limits, and the network among them as the chip tells it to its host."""

from __future__ import annotations

from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.files import read_limited
from owlbit.export.limits import FLASH_BYTES
from owlbit.hw.up5k.build import NETWORK_PART
from owlbit.hw.up5k.compiler.flash_format import NetworkImage, read_image


def read_parts(flashed: Path) -> tuple[bytes, bytes]:
    """What is written into the chip or its flash, from the file `flashed`, and the network alone, from the file beside it.

    Raises OwlbitError where one of them cannot be read.
    """
    try:
        return read_limited(flashed, FLASH_BYTES), read_limited(flashed.with_name(NETWORK_PART), FLASH_BYTES)
    except OSError as error:
        raise OwlbitError(
            f"{error.filename}: expected a file of the build, could not read it ({error.strerror}); build it again"
        ) from None


def parse_network(folder: Path, alone: bytes) -> NetworkImage:
    """The network of a build folder from the bytes of its file. Raises OwlbitError, naming the file, where they hold none."""
    try:
        return read_image(alone)
    except OwlbitError as error:
        raise OwlbitError(f"{folder / NETWORK_PART}: {error}") from None
