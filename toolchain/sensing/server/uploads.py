"""A picture that somebody sends to the page: limited in bytes and in pixels before anything is decoded, and never trusted."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.toolchain.data.image_files import fit_image

MOST_BYTES = 8 * 2**20
MOST_PIXELS = 40_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")


class UploadError(OwlbitError):
    """A picture that is refused; `status`: the HTTP status code to say so with."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def too_large(size: int | None = None) -> UploadError:
    """The refusal of a body of more than MOST_BYTES."""
    got = "more" if size is None else f"{size:,} bytes"
    return UploadError(f"picture: expected at most {MOST_BYTES:,} bytes, got {got}; send a smaller one", 413)


def read_upload(data: bytes, network: Network) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """(uint8 [C, H, W] that fits `network`, rows and columns of the picture); the first frame, if it moves.

    Pillow reads the size from the header and decodes only what has few enough pixels. Raises UploadError.
    """
    if len(data) > MOST_BYTES:
        raise too_large(len(data))
    colours, rows, columns = network.input_shape
    if colours not in (1, 3):
        raise UploadError(f"this network takes {colours} channels, which no picture has; 1 or 3 are needed", 422)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                size = (opened.height, opened.width)
                if size[0] * size[1] > MOST_PIXELS:
                    raise UploadError(
                        f"picture: expected at most {MOST_PIXELS:,} pixels, got {size[1]} x {size[0]}; send a smaller one", 413
                    )
                if opened.mode.startswith(("I", "F")):
                    raise UploadError(f"picture: expected 8 bits a channel, got mode {opened.mode}; convert it first", 415)
                opened.load()
                upright = ImageOps.exif_transpose(opened)
                return fit_image(upright, (rows, columns), "gray" if colours == 1 else "rgb"), size
    except (OSError, SyntaxError, ValueError, MemoryError, EOFError, Image.DecompressionBombError) as error:
        raise UploadError(f"picture: expected {', '.join(FORMATS)}, could not read it ({error})", 415) from None
