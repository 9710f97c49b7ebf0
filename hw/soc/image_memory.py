"""Writes a build's network as the contents of the wrappers' memory: `python -m owlbit.hw.soc.image_memory FLASH.BIN OUT.HEX`."""

from __future__ import annotations

import sys
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.files import read_limited, write_text
from owlbit.export.limits import FLASH_BYTES
from owlbit.hw.soc.design import image_bits
from owlbit.hw.up5k.compiler.flash_format import FLASH_OFFSET, MAGIC, read_image

USE = "python -m owlbit.hw.soc.image_memory FLASH.BIN OUT.HEX"


def image_of_flash(path: Path) -> bytes:
    """The network's image out of flash.bin or network.bin of a build. Raises OwlbitError where the file holds no whole image."""
    content = read_limited(path, FLASH_BYTES)
    image = content if content[:4] == MAGIC else content[FLASH_OFFSET:]
    try:
        read_image(image)
    except OwlbitError as error:
        raise OwlbitError(f"{path}: {error}") from None
    return image


def hex_lines(image: bytes) -> str:
    """The image for $readmemh: a line of 8 hexadecimal digits per word of 32 bits, whose lowest byte comes first in the image."""
    padded = image.ljust(-(-len(image) // 4) * 4, b"\0")
    return "".join(f"{int.from_bytes(padded[at : at + 4], 'little'):08x}\n" for at in range(0, len(padded), 4))


def main(arguments: list[str]) -> int:
    """Writes the file and says which IMAGE_BITS holds it. Returns the exit code."""
    if len(arguments) != 2:
        print(f"owlbit: expected two files, got {len(arguments)}; use: {USE}", file=sys.stderr)
        return 2
    source, target = map(Path, arguments)
    try:
        image = image_of_flash(source)
        bits = image_bits(image)
        write_text(target, hex_lines(image))
    except (OwlbitError, OSError) as error:
        print(f"owlbit: {error}", file=sys.stderr)
        return 2
    print(f"{target}: {len(image)} bytes; IMAGE_BITS must be {bits} or more")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
